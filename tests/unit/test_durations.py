"""The measured durations of test files: what ran is written anew, what did not run is kept, what is gone goes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import durations

THIS, OTHER = "tests/unit/test_durations.py", "tests/unit/test_settings.py"


def test_what_ran_is_measured_and_files_that_are_gone_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durations, "FILE", tmp_path / "durations.txt")
    durations.FILE.write_text(f"  70 tests/unit/test_gone.py\n  50 {THIS}\n   9 {OTHER}\n")
    measure = durations.Measure()
    for seconds in (1.5, 2.4):
        measure.pytest_runtest_logreport(SimpleNamespace(nodeid=f"{THIS}::test_x", duration=seconds))  # type: ignore[arg-type]
    measure.pytest_sessionfinish()
    assert durations.read() == {OTHER: 9, THIS: 4}
    assert durations.FILE.read_text().splitlines()[0].endswith(OTHER), "the longest first"
