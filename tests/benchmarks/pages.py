"""Does it touch sync when people look on? Latency at steady rates, without and with an open live page and 100 requests a second on
the API, by turns on one running device."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from syncapp.core.values import Side
from syncapp.embedded.ports import free_port
from syncapp.embedded.tether import tethered
from tests.benchmarks.contenders import PRODUCT, Product, contender
from tests.benchmarks.figures import percentile
from tests.benchmarks.latency import measure
from tests.benchmarks.meters import cpu_seconds
from tests.benchmarks.world import World
from tests.support import processes
from tests.support.device import Device
from tests.support.eventually import eventually

REQUESTS = 100.0  # a second
TURNS = (False, True, False, True)  # looked at or not: by turns, since a machine is not the same every minute
TICKS = 50  # a second: at higher rates several documents are written at once
TOKEN = "0123456789abcdef0123456789abcdef01234567"
USER = (
    "from django.contrib.auth import get_user_model as model\n"
    "from rest_framework.authtoken.models import Token\n"
    f"Token.objects.create(user=model().objects.create_superuser('admin'), key={TOKEN!r})"
)


@dataclass(frozen=True)
class Looked:
    """Milliseconds at a rate of writes a second. `requests`: a second, as they were answered; `web`: percent of one core."""

    source: str
    rate: float
    looked_at: bool
    p50: float
    p95: float
    p99: float
    requests: float = 0.0
    request_p95: float = 0.0
    failed: int = 0
    web: float = 0.0


def pages(world: World, source: Side, rates: list[float], seconds: float) -> list[Looked]:
    found = []
    with contender(PRODUCT, world, source) as one:
        assert isinstance(one, Product)
        one.start()
        port = serve(one.device)
        for rate in rates:
            for number, looked_at in enumerate(TURNS):
                collection = f"pages_{rate:.0f}_{number}"
                at_once = max(1, round(rate / TICKS))
                spent = cpu_seconds(one.device.pid("web"))
                with visited(port, looked_at) as said:
                    values = measure(one.source[collection], one.target[collection], rate, seconds, at_once)
                points = [percentile(values, percent) for percent in (50, 95, 99)]
                web = 100 * (cpu_seconds(one.device.pid("web")) - spent) / said.get("seconds", seconds)
                found.append(
                    Looked(
                        str(source),
                        rate,
                        looked_at,
                        *points,
                        requests=said.get("requests", 0) / said.get("seconds", 1),
                        request_p95=said.get("p95_ms", 0.0),
                        failed=said.get("failed", 0),
                        web=web,
                    )
                )
    return found


def serve(device: Device) -> int:
    """The port of its web process, which answers."""
    port = free_port()
    device.settings["PORT"] = str(port)
    device.manage("shell", "--no-imports", "-c", USER).check_returncode()
    device.launch("web")

    def is_up() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2).close()
        except OSError:
            return False
        return True

    eventually(is_up, "the web process answers", 60, every=0.2)
    return port


@contextmanager
def visited(port: int, looked_at: bool) -> Iterator[dict[str, Any]]:
    """By a process of its own. What is yielded is filled at the end."""
    said: dict[str, Any] = {}
    if not looked_at:
        yield said
        return
    command = [sys.executable, "-m", "tests.benchmarks.visitors", str(port), TOKEN, str(REQUESTS)]
    visitors = subprocess.Popen(
        tethered(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=processes.BASE_DIR
    )
    try:
        yield said
        output, _ = visitors.communicate(timeout=30)
        said.update(json.loads(output))
    finally:
        visitors.kill()
        visitors.wait()
