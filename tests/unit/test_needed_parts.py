"""Everything that the tests need is there: what is missing fails here, once, with what installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import parts
from tests.support.parts import PARTS, Part


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_the_tests_need_is_installed(part: Part) -> None:
    assert not (line := part.why_missing()), line


def test_no_service_is_started_by_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SYSTEMD", tmp_path)
    monkeypatch.setattr(parts.shutil, "which", lambda name: None)
    own = tmp_path / "prometheus.service"
    with parts.without_services():
        assert str(own.readlink()) == "/dev/null"
    assert not own.is_symlink()
    own.write_text("of the operator")
    with parts.without_services():
        assert own.read_text() == "of the operator"
    assert own.read_text() == "of the operator"
