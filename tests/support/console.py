"""Django in a device's environment: statements that a process of its own executes, one at a time.

Starting a command takes seconds, and tests of what happens within two seconds cannot wait for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from tests.support import forked, processes


class Console:
    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        environment = processes.environment(home, **{**settings, "SYNC_LOG_LEVEL": "ERROR"})
        self._talk, other = forked.forks.Pipe()
        self._process = forked.forks.Process(
            target=_serve, args=(environment, str(home / "console.log"), other)
        )
        self._process.start()
        other.close()

    def run(self, statements: str) -> None:
        """Execute them. Returns when they are done; raises RuntimeError with their traceback."""
        self._talk.send(statements)
        try:
            wrong = self._talk.recv()
        except EOFError:
            wrong = "the console ended"
        if wrong:
            raise RuntimeError(wrong)

    def switch(self, **values: object) -> None:
        """Change `enabled`, `paused` or `strategy`, as the API and the admin do."""
        self.run(f"from syncapp.services.switches import change_switches\nchange_switches(**{values!r})")

    def exclude(self, pattern: str) -> None:
        self.run(f"from syncapp.services.rules.exclusions import exclude\nexclude({pattern!r})")

    def include(self, pattern: str) -> None:
        self.run(f"from syncapp.services.rules.exclusions import include\ninclude({pattern!r})")

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._talk.close()


def _serve(environment: dict[str, str], log: str, talk: Connection) -> None:
    forked.enter(environment, str(processes.BASE_DIR), log, log)
    import django

    django.setup()
    while True:
        try:
            exec(talk.recv(), {})
            talk.send("")
        except EOFError:
            return
        except Exception:
            talk.send(traceback.format_exc())
