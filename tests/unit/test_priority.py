"""The pages get what sync leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncapp.process.priority import BEHIND

SESSIONS = Path("/proc/self/autogroup")  # "/autogroup-25 nice 0"
STEP_AND_TELL = (
    "import os; from syncapp.process.priority import step_behind\n"
    f"step_behind(); print(os.nice(0)); print(open({str(SESSIONS)!r}).read() if os.path.exists({str(SESSIONS)!r}) else '')"
)


def _steps(own_session: bool) -> tuple[int, int | None]:
    """Of the process above this one's, and of its session: None, where it has none but the whole system's."""
    told = subprocess.run(
        [sys.executable, "-c", STEP_AND_TELL],
        start_new_session=own_session,
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    return int(told[0]) - os.nice(0), int(told[-1]) if len(told) > 1 else None


def test_the_process_steps_behind_the_others_of_its_session() -> None:
    assert _steps(own_session=False)[0] == min(BEHIND, 19 - os.nice(0))


@pytest.mark.skipif(not SESSIONS.exists(), reason="this kernel shares processors out among processes alone")
def test_a_session_of_its_own_steps_behind_the_other_sessions() -> None:
    here = SESSIONS.read_text().split()  # of what init itself started: empty
    assert _steps(own_session=False)[1] == (int(here[-1]) if here else None)
    assert _steps(own_session=True)[1] == BEHIND
