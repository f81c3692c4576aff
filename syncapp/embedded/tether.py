"""Run a command that is stopped when its parent ends, even by `kill -9`.

    python tether.py SIGTERM program argument…

Linux only (elsewhere the command just runs). It depends on the *thread* that started the command:
start servers from a thread that lives as long as they do.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def tether(stop_signal: int = signal.SIGTERM) -> None:
    """Tie this process to its parent: it gets `stop_signal` when the parent ends."""
    _prctl(PR_SET_PDEATHSIG, int(stop_signal))


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends, so that none is lost."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def tethered(command: list[str], stop_signal: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command line that runs `command` tied to the process that starts it."""
    # The file instead of `-m`: works in any working directory
    return [sys.executable, "-I", str(Path(__file__).resolve()), stop_signal.name, *command]


def main(arguments: list[str]) -> None:
    parent = os.getppid()
    tether(signal.Signals[arguments[0]])
    if os.getppid() != parent:  # the parent ended before the tie was set: there will be no signal
        sys.exit(1)
    os.execvp(arguments[1], arguments[1:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
