"""Is the web process up, and what is the status of sync?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Health:
    web: bool = False
    sync: str = "unknown"  # from the API: healthy, degraded or critical
    message: str = ""
    reasons: tuple[str, ...] = ()
    not_running: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        return self.web and self.sync == "healthy"


def probe(port: int) -> Health:
    if _get(port, "/api/health") is None:
        return Health()
    answer = _get(port, "/api/sync/bidirectional/health") or {}
    return Health(True, str(answer.get("health", "unknown")), str(answer.get("message", "")))


def _get(port: int, path: str) -> dict[str, Any] | None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": "localhost"})
    # No proxy: it is this machine
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return _object(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            # 503 with a body is an answer: sync is critical
            return _object(error.read()) if error.code == 503 else None
    except (OSError, ValueError):
        return None


def _object(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    return found if isinstance(found, dict) else {}
