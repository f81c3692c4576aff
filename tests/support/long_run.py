"""What programs that run for long have in common: numbers from the environment, and a folder for what they leave."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType


def number(name: str, default: int) -> int:
    """Of the environment."""
    return int(os.environ.get(name, "").strip() or default)


def in_folder(name: str, run: Callable[[Path], bool]) -> int:
    """The exit status. `run` says whether all was well; if not, the folder stays, with what helps to find the fault."""
    signal.signal(signal.SIGTERM, _stop)
    folder = Path(tempfile.mkdtemp(prefix=f"isthmus-{name}-"))
    try:
        well = run(folder)
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if well:
        shutil.rmtree(folder)
    return 0 if well else 1


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # so that everything is stopped in order
