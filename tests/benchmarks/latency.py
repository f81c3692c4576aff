"""How long a write takes until it can be read on the other side, at a steady rate, in each direction.

python -m tests.benchmarks.latency [--seconds 10] [--rates 20,50]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo.database import Database

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.redis import Redis
from tests.support.device import Addresses, Device
from tests.support.processes import manage


@contextmanager
def device_of_its_own() -> Iterator[Device]:
    """Servers and a device at work, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="isthmus-latency-") as name:
        folder = Path(name)
        local, atlas = (
            Mongod(folder / "local", replica_set="local"),
            Mongod(folder / "atlas", replica_set="atlas"),
        )
        broker = Redis(folder / "redis")
        servers = (local, atlas, broker)
        try:
            for server in servers:
                server.start()
            manage("migrate", "--verbosity", "0", home=folder / "template").check_returncode()
            addresses = Addresses(local.uri("shop"), atlas.uri("shop"), broker.url)
            device = Device(folder / "home", addresses, folder / "template", SYNC_LEASE_DURATION="10000")
            try:
                device.start()
                yield device
            finally:
                device.end()
        finally:
            for server in servers:
                server.kill()


def measure(source: Database[Any], target: Database[Any], rate: float, seconds: float) -> list[float]:
    """Milliseconds from just before each insert to when the other side shows it, sorted."""
    name = f"latency_{time.time_ns()}"
    source[name].insert_one({"_id": "warm up"})
    while target[name].find_one() is None:
        time.sleep(0.01)
    count = round(rate * seconds)
    sent: dict[int, float] = {}
    shown: dict[int, float] = {}
    with target[name].watch(max_await_time_ms=100) as stream:
        writer = threading.Thread(target=_write, args=(source[name], rate, count, sent))
        writer.start()
        deadline = time.monotonic() + seconds + 30
        while len(shown) < count and time.monotonic() < deadline:
            event = stream.try_next()
            if event is not None:
                shown[event["documentKey"]["_id"]] = time.monotonic()
        writer.join()
    if len(shown) < count:
        raise AssertionError(f"{count - len(shown)} of {count} writes did not arrive")
    return sorted((shown[number] - sent[number]) * 1000 for number in sent)


def _write(collection: Any, rate: float, count: int, sent: dict[int, float]) -> None:
    started = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        sent[number] = time.monotonic()
        collection.insert_one({"_id": number, "text": "x" * 200})


def percentile(values: list[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def report(device: Device, rates: list[float], seconds: float) -> list[str]:
    lines = []
    for rate in rates:
        for name, source, target in (
            ("local → Atlas", device.local, device.atlas),
            ("Atlas → local", device.atlas, device.local),
        ):
            values = measure(source, target, rate, seconds)
            figures = "  ".join(f"p{percent} {percentile(values, percent):6.1f}" for percent in (50, 95, 99))
            lines.append(f"{name}  {rate:4.0f} writes/s  {figures}  max {values[-1]:6.1f} ms")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency of sync, in milliseconds")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rates", default="20,50", help="writes a second, separated by commas")
    options = parser.parse_args()
    with device_of_its_own() as device:
        for line in report(device, [float(rate) for rate in options.rates.split(",")], options.seconds):
            print(line)


if __name__ == "__main__":
    main()
