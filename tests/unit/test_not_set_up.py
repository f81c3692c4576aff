"""A command that comes before the set-up says so, instead of which table is missing."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import manage


def test_status_of_a_home_that_is_not_set_up(tmp_path: Path) -> None:
    ended = manage("sync_status", home=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Nothing is set up yet (SYNC_HOME is {tmp_path})")
    assert "manage.py sync_setup" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
