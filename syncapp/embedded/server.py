"""A server process in its own folder: start, stop, kill, restart on the same port."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from syncapp.embedded.last_words import last_words, size
from syncapp.embedded.ports import free_port, is_free
from syncapp.embedded.tether import tethered


class ServerFailed(Exception):
    """The server did not start. The text ends with the end of its log."""


class Server:
    """The common part of mongod and Redis. `start` returns when the server is ready."""

    name = "server"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = Path(folder)
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log_size = 0  # at its start

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def command(self) -> list[str]:
        raise NotImplementedError

    def wait_until_ready(self) -> None:
        raise NotImplementedError

    def start(self) -> None:
        if self.running:
            return
        if not is_free(self.port):
            raise ServerFailed(f"{self.name} cannot start: port {self.port} is taken")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_size = size(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                tethered(self.command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, timeout: float = 20) -> None:
        """Stop it, and wait; after the timeout it is killed."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """Simulate a power failure (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def check_alive(self, deadline: float) -> None:
        """Raise `ServerFailed` if the process has ended, or `deadline` (of time.monotonic) has passed."""
        if not self.running:
            raise ServerFailed(f"{self.name} has ended: {self._last_words()}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"{self.name} was not ready in time: {self._last_words()}")

    def _last_words(self) -> str:
        status = self.process.poll() if self.process is not None else None
        return last_words(self.log, self._log_size) or f"no output (exit status {status})"
