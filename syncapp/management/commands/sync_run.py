"""`make run`: everything on this machine, under a process manager, until Ctrl-C."""

from __future__ import annotations

import logging
import sys
from typing import Any

from syncapp.conf.home_lock import AlreadyRunning
from syncapp.conf.settings import SettingsError, get_settings
from syncapp.embedded.binaries import ServerMissing
from syncapp.embedded.first_look import first_look
from syncapp.embedded.stack import run
from syncapp.management.command import SyncCommand


class Command(SyncCommand):
    help = "Run everything on this machine: embedded servers where settings name none, and all processes"
    by_hand = False
    examples = {
        "": "until Ctrl-C; as `make run` does",
    }
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        settings = get_settings()
        _only_to_files()
        try:
            sys.exit(run(settings, first_look(settings), self._say))
        except AlreadyRunning:
            self._fail(
                f"Isthmus is running already in SYNC_HOME {settings.home}; set another SYNC_HOME and PORT", 1
            )
        except ServerMissing as error:
            self._fail(str(error), 1)
        except SettingsError as error:
            self._fail(str(error), 1 if str(error).startswith("PORT ") else 2)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _fail(self, line: str, status: int) -> None:
        self.stderr.write(line)
        sys.exit(status)


def _only_to_files() -> None:
    """The terminal shows one block, not the log."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
