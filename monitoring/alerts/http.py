"""A POST of JSON, and what its answer means for the channel."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import closing

from monitoring.alerts.kind import SECONDS, Refused, Unavailable
from syncapp.core.text.one_line import one_line

# The body is wrong for the receiver, and would be so at every attempt
REFUSED = frozenset({400, 413, 415, 422})


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Raises Unavailable or Refused, without the address: it may hold a secret."""
    import urllib3

    known = {"Content-Type": "application/json", "User-Agent": "Isthmus", **headers}
    # The system's CA certificates
    with urllib3.PoolManager(ssl_context=ssl.create_default_context()) as pool:
        try:
            answer = pool.request(
                "POST", url, body=body, headers=known, timeout=SECONDS, retries=False, redirect=False,
                preload_content=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(_text(error)) from None
        with closing(answer):
            _judge(answer.status)


def _judge(status: int) -> None:
    if status in REFUSED:
        raise Refused(f"the receiver answered {status}")
    if not 200 <= status < 300:
        raise Unavailable(f"the receiver answered {status}")


def _text(error: Exception) -> str:
    """Without the part that names the connection."""
    text = str(error).rpartition("): ")[2] or type(error).__name__
    return one_line(text)
