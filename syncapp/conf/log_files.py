"""A log file that several processes write; the one that finds it full rotates it."""

from __future__ import annotations

import fcntl
import logging
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path

MAX_BYTES = 10_000_000
KEPT_FILES = 5


class SharedRotatingFileHandler(WatchedFileHandler):
    """Each record is one appending write, which the kernel does not mix with those of other processes.

    Rotation renames the file under a file lock; every other process sees at its next record that the
    name has moved on (that is what WatchedFileHandler looks for) and opens the new file. The library's
    RotatingFileHandler would let each process rotate for itself, and lines would be lost; concurrent-log-handler
    locks the file for every record, so that a process that is frozen then would hold up all others.
    """

    def __init__(self, filename: str | Path, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES) -> None:
        path = Path(filename)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.max_bytes, self.kept = path, max_bytes, kept
        super().__init__(filename, encoding="utf-8", delay=True)
        if not path.exists():
            with suppress(OSError):  # a line will say it
                path.touch()  # whoever greps for errors finds an empty file, not an error of grep's

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_full():
                self._rotate()
        except OSError:
            self.handleError(record)
        super().emit(record)

    def _is_full(self) -> bool:
        try:
            return self.path.stat().st_size >= self.max_bytes
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._is_full():  # another process has just rotated
                return
            for number in range(self.kept - 1, 0, -1):
                older = self._numbered(number)
                if older.exists():
                    older.replace(self._numbered(number + 1))
            self.path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
