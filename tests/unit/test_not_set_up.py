"""A command that comes before the set-up says so, instead of which table is missing."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import manage


def test_a_home_that_is_not_set_up(tmp_path: Path) -> None:
    status = manage("sync_status", home=tmp_path)
    assert status.returncode == 2
    assert "is not set up yet" in status.stdout
    ended = manage("sync_toggle", "show", home=tmp_path)
    assert ended.returncode == 1
    assert "is not set up yet" in ended.stderr
    assert "`manage.py sync_setup`" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
