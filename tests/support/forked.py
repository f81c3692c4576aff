"""Real processes of the product that need not import its libraries again: they are forked from one process that has.

Half of the processor time of all tests would go into imports. What is forked has imported nothing of the product, is
told its own environment, folder and arguments, and runs the same module or script as the command line would, in a
process (and group) of its own that can be killed. Not for tests of memory, or of what processes are called.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from syncapp.embedded.tether import tether

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.support.libraries"])


class Forked:
    """As `subprocess.Popen`: what tests need of it."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        folder: Path,
        out: Path,
        err: Path | None = None,
    ) -> None:
        """`arguments`: those of Python: `-m`, a module, its arguments; or a script, its arguments."""
        ready, say = forks.Pipe(duplex=False)
        self._process = forks.Process(
            target=_become, args=(list(arguments), environment, str(folder), str(out), str(err or out), say)
        )
        self._process.start()
        self.args = arguments
        self.pid = self._process.pid or 0
        say.close()
        with ready, contextlib.suppress(EOFError):
            ready.recv()  # from now on its group can be killed

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ends just now
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    arguments: Sequence[str], environment: dict[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """To its end, as `subprocess.run`."""
    with tempfile.TemporaryDirectory() as written:
        out, err = Path(written, "out"), Path(written, "err")
        process = Forked(arguments, environment, folder, out, err)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


def enter(environment: dict[str, str], folder: str, out: str, err: str) -> None:
    """Make this process, just forked, one that looks as if it were started so. Its end is that of who forked it."""
    tether(signal.SIGTERM)
    os.setsid()
    for path, number in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path.insert(0, folder)


def _become(
    arguments: list[str], environment: dict[str, str], folder: str, out: str, err: str, ready: Connection
) -> None:
    enter(environment, folder, out, err)
    ready.send(True)
    ready.close()
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = list(arguments)
            runpy.run_path(arguments[0], run_name="__main__")
    finally:
        with contextlib.suppress(ValueError):  # it closed its own output
            atexit._run_exitfuncs()  # a fork of this kind ends without them
