"""A mongod as most people have it: with a configuration file, and without a replica set."""

from __future__ import annotations

import time
from pathlib import Path

from pymongo.errors import PyMongoError

from syncapp.embedded.mongod import Mongod, direct_client


class StandAlone(Mongod):
    """What stands in `config_file` holds from the next start on. `ready` when it answers, whatever it is."""

    @property
    def config_file(self) -> Path:
        return self.folder / "mongod.conf"

    def command(self) -> list[str]:
        command = super().command()
        for option in ("--replSet", "--oplogSize"):
            at = command.index(option)
            del command[at : at + 2]
        self.config_file.touch()
        return [*command, "--config", str(self.config_file)]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        with direct_client(self.port) as client:
            while True:
                try:
                    client.admin.command("hello")
                    return
                except PyMongoError:
                    self.check_alive(deadline)
                    time.sleep(0.02)
