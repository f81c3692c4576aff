"""Programs and a browser that read from the web process: 100 requests a second on the API, and an open live page, which asks every
two seconds as monitoring/static/monitoring/dashboard.js does.

    python -m tests.benchmarks.visitors PORT TOKEN RATE

Runs until its input ends; then writes one JSON line: {"requests": …, "seconds": …, "p95_ms": …, "failed": …}.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from dataclasses import dataclass, field

from tests.benchmarks.figures import percentile

THREADS = 8
ROOT = "/api/sync/bidirectional"
ADDRESSES = (f"{ROOT}/health", f"{ROOT}/metrics", f"{ROOT}/conflicts", f"{ROOT}/rejected", f"{ROOT}/devices")
LIVE, EVERY_SECONDS = "/monitoring/live?span=hour", 2.0


@dataclass
class Visitors:
    port: int
    token: str
    rate: float
    ends: threading.Event = field(default_factory=threading.Event)
    took_ms: list[float] = field(default_factory=list)
    failed: int = 0

    def visit(self) -> None:
        threads = [threading.Thread(target=self._program, args=(n,), daemon=True) for n in range(THREADS)]
        threads.append(threading.Thread(target=self._page, daemon=True))
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self.ends.set()
        for thread in threads:
            thread.join(15)

    def _program(self, number: int) -> None:
        """Every THREADS-th request, each at its time."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for place in itertools.count(number, THREADS):
            if self.ends.wait(max(0.0, began + place / self.rate - time.monotonic())):
                return
            self._ask(connection, ADDRESSES[place % len(ADDRESSES)])

    def _page(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.ends.wait(EVERY_SECONDS):
            self._ask(connection, LIVE)

    def _ask(self, connection: http.client.HTTPConnection, address: str) -> None:
        began = time.monotonic()
        try:
            connection.request("GET", address, headers={"Authorization": f"Token {self.token}"})
            answer = connection.getresponse()
            answer.read()
            self.failed += answer.status != 200
        except (OSError, http.client.HTTPException):
            self.failed += 1
            connection.close()
        self.took_ms.append(1_000 * (time.monotonic() - began))


def main() -> None:
    port, token, rate = sys.argv[1:]
    visitors = Visitors(int(port), token, float(rate))
    began = time.monotonic()
    visitors.visit()
    seconds, took = time.monotonic() - began, sorted(visitors.took_ms)
    p95 = percentile(took, 95) if took else 0.0
    print(json.dumps({"requests": len(took), "seconds": seconds, "p95_ms": p95, "failed": visitors.failed}))


if __name__ == "__main__":
    main()
