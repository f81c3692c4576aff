"""Atlas, the devices, and the applications that write on each of them."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

from pymongo import MongoClient

from tests.chaos import history
from tests.chaos.device import DATABASE, ChaosDevice
from tests.chaos.mortal import MortalMongod
from tests.chaos.writers import COLLECTIONS, RULE, Writer, fill, open_tills
from tests.support.eventually import eventually
from tests.support.raw import EXACT, contents, difference

RULES_SECONDS = 3.0  # after which every process has seen a new rule
START_TIMEOUT = 300.0  # seconds: a machine may have much else to do


class World:
    def __init__(self, folder: Path, devices: int) -> None:
        self.atlas_server = MortalMongod(folder / "atlas", "atlas")
        self.devices = [
            ChaosDevice(number, folder / f"device{number}", self.atlas_server.port)
            for number in range(1, devices + 1)
        ]
        self._client = MongoClient(
            self.atlas_server.uri(DATABASE), serverSelectionTimeoutMS=5_000, socketTimeoutMS=20_000
        )
        self.atlas = self._client.get_default_database(codec_options=EXACT)
        self.writers: list[Writer] = []
        self.memory: Counter[str] = Counter()  # the most that a process of a kind has used, in MB
        self.seconds_to_start = 0.0
        self._since: dict[str, object] = {}

    def sides(self) -> dict[str, object]:
        return {"atlas": self.atlas, **{device.name: device.local for device in self.devices}}

    # Life

    def start(self, documents: int) -> None:
        """Until every device holds the documents that were on Atlas first."""
        began = time.monotonic()
        self.atlas_server.start()
        for device in self.devices:
            device.start_servers()
        self._since = {side: history.beginning(database) for side, database in self.sides().items()}
        fill(self.atlas_server.uri(DATABASE), documents)
        for device in self.devices:
            device.start()
        for device in self.devices:
            eventually(device.is_up, f"{device.name} is up: {device.output}", START_TIMEOUT, every=0.2)
        for device in self.devices:
            device.lay_down(RULE)
        self._wait_until_equal()
        time.sleep(RULES_SECONDS)
        open_tills(self.atlas_server.uri(DATABASE))
        self._wait_until_equal()
        self.seconds_to_start = time.monotonic() - began

    def _wait_until_equal(self) -> None:
        eventually(
            lambda: not self.differences(), "all devices hold what Atlas holds", START_TIMEOUT, every=0.5
        )

    def start_writers(self, rng: random.Random, rate: float) -> None:
        """`rate`: writes a second on each side."""
        known: dict[str, list[str]] = {name: [] for name in COLLECTIONS}
        servers = {"atlas": self.atlas_server, **{device.name: device.server for device in self.devices}}
        self.writers = [
            Writer(side, server.uri(DATABASE), random.Random(rng.random()), rate, known)
            for side, server in servers.items()
        ]
        for writer in self.writers:
            writer.start()

    def stop_writers(self) -> None:
        for writer in self.writers:
            writer.stop()
        for writer in self.writers:
            writer.join(60)
            if writer.error is not None:
                raise writer.error

    def revive(self) -> None:
        for device in self.devices:
            device.revive()

    def end(self) -> None:
        for writer in self.writers:
            writer.stop()
        for device in self.devices:
            device.end()
        self.atlas_server.kill()
        self._client.close()

    # What is there

    def differences(self) -> dict[str, str]:
        """Device → what differs between it and Atlas."""
        expected = contents(self.atlas)
        found = {device.name: difference(contents(device.local), expected) for device in self.devices}
        return {name: text for name, text in found.items() if text}

    def histories(self) -> dict[str, dict[history.Key, list[history.Write]]]:
        return {
            side: history.read(database, self._since[side], COLLECTIONS)  # type: ignore[arg-type]
            for side, database in self.sides().items()
        }

    def take_memory(self) -> None:
        """Note how much every process uses now."""
        for device in self.devices:
            for kind, processes in device.processes().items():
                for process in processes:
                    self._take_memory_of(kind, process.pid)
            for kind, server in (("local mongod", device.server), ("broker", device.broker)):
                if server.process is not None:
                    self._take_memory_of(kind, server.process.pid)
        if self.atlas_server.process is not None:
            self._take_memory_of("Atlas mongod", self.atlas_server.process.pid)

    def _take_memory_of(self, kind: str, pid: int) -> None:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return  # it has just ended
        self.memory[kind] = max(self.memory[kind], pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000)
