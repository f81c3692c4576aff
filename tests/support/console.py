"""Django in a device's environment: statements that a process of its own executes, one at a time.

Starting a command takes seconds, and tests of what happens within two seconds cannot wait for it.
"""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

from tests.support import processes

_PROGRAM = """
import base64, sys, traceback
import django
django.setup()
for line in sys.stdin:
    names = {}
    try:
        exec(base64.b64decode(line).decode(), names)
        print("done", flush=True)
    except BaseException:
        print(base64.b64encode(traceback.format_exc().encode()).decode(), flush=True)
"""


class Console:
    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        self._log = (home / "console.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env=processes.environment(home, **{**settings, "SYNC_LOG_LEVEL": "ERROR"}),
            cwd=processes.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, statements: str) -> None:
        """Execute them. Returns when they are done; raises RuntimeError with their traceback."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(base64.b64encode(statements.encode()).decode() + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if answer != "done":
            raise RuntimeError(base64.b64decode(answer).decode() or "the console ended")

    def switch(self, **values: object) -> None:
        """Change `enabled`, `paused` or `strategy`, as the API and the admin do."""
        self.run(f"from syncapp.rules.switches import change_switches\nchange_switches(**{values!r})")

    def exclude(self, pattern: str) -> None:
        self.run(f"from syncapp.rules.switches import exclude\nexclude({pattern!r})")

    def include(self, pattern: str) -> None:
        self.run(f"from syncapp.rules.switches import include\nassert include({pattern!r})")

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()
        self._log.close()
