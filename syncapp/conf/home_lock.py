"""One `make run` per SYNC_HOME. The lock is the kernel's, so it is released when its holder ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

LOCK_FILE = "run.lock"


class AlreadyRunning(Exception):
    """Another process holds the lock."""


class RunLock:
    """Held from `take` to `release`, and by every process that inherited `fileno` until it ends."""

    def __init__(self, home: Path) -> None:
        self.path = home / LOCK_FILE
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises `AlreadyRunning` at once if it is held."""
        while True:
            file = self.path.open("a+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise AlreadyRunning(str(self.path)) from None
            if self._is_current(file):
                self._file = file
                return
            file.close()  # its last holder removed the file in between

    def _is_current(self, file: IO[str]) -> bool:
        try:
            return os.fstat(file.fileno()).st_ino == self.path.stat().st_ino
        except FileNotFoundError:
            return False

    @property
    def fileno(self) -> int:
        if self._file is None:
            raise RuntimeError("the lock was not taken")
        return self._file.fileno()

    def release(self) -> None:
        if self._file is not None:
            self.path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def is_held(home: Path) -> bool:
    """Is there a run in this SYNC_HOME?"""
    try:
        with (home / LOCK_FILE).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
