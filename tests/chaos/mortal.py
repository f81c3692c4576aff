"""A mongod that may be killed, frozen, and started with a clock that is wrong."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from pymongo.errors import PyMongoError

from syncapp.embedded.mongod import Mongod, direct_client
from tests.support.faketime import faketime


class MortalMongod(Mongod):
    def __init__(self, folder: Path, replica_set: str) -> None:
        super().__init__(folder, replica_set=replica_set)
        self.offset = 0  # seconds that its clock is ahead, from its next start on

    def command(self) -> list[str]:
        command = super().command()
        library = faketime()
        if not self.offset or library is None:
            return command
        # Only the time of day: with a false monotonic clock the server would wait for ever, or not at all. The library's "fix"
        # takes a deadline by the true monotonic clock for one by the false time of day: every wait ends at once, on all cores
        true = ["FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1", "FAKETIME_FORCE_MONOTONIC_FIX=0"]
        return ["env", f"LD_PRELOAD={library}", f"FAKETIME={self.offset:+d}s", *true, *command]

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def answers(self) -> bool:
        try:
            with direct_client(self.port) as client:
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False
