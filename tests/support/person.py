"""Somebody at a terminal: starts a program there, reads what it says, and types."""

from __future__ import annotations

import os
import select
import subprocess
import termios
import time
from pathlib import Path


class Person:
    """A program on a pseudo-terminal of its own. Leaving the block ends it."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._terminal, other = os.openpty()
        termios.tcsetwinsize(other, (50, 500))  # a line is not broken where the test reads it
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],  # so that Ctrl-C reaches it
            cwd=folder,
            env={**environment, "TERM": "dumb"},
            stdin=other,
            stdout=other,
            stderr=other,
        )
        os.close(other)
        self.screen = ""
        self._read_to = 0  # what was waited for before is not found again

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *raised: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def reads(self, text: str, timeout: float = 60) -> None:
        """Wait until it stands on the screen, after what was read before."""
        deadline = time.monotonic() + timeout
        while (found := self.screen.find(text, self._read_to)) < 0:
            assert self._more(deadline), f"{text!r} was not said:\n{self.screen}"
        self._read_to = found + len(text)

    def types(self, line: str) -> None:
        os.write(self._terminal, f"{line}\n".encode())

    def presses_ctrl_c(self, timeout: float = 60) -> None:
        """Until it ends: one that comes just when a prompt begins to wait is noticed at the next key only."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            os.write(self._terminal, b"\x03")
            again = min(deadline, time.monotonic() + 5)
            while self._more(again):
                pass
            if self.process.poll() is not None:
                return

    def leaves(self, timeout: float = 60) -> int:
        """The exit status, when the program has ended by itself."""
        deadline = time.monotonic() + timeout
        while self._more(deadline):
            pass
        return self.process.wait(max(1.0, deadline - time.monotonic()))

    def _more(self, deadline: float) -> bool:
        """False: it has ended, or nothing came until then."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        try:
            read = os.read(self._terminal, 65_536) if ready else b""
        except OSError:  # Linux's word for: the other end is closed
            return False
        self.screen += read.decode(errors="replace").replace("\r\n", "\n")
        return bool(read)
