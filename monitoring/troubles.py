"""Changes that do not get through, as reasons for health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.values import Reason, Status, duration

_NAMES = {"local": "Local → Atlas", "atlas": "Atlas → local"}


@dataclass(frozen=True)
class TroubleFacts:
    """As the listener mirrors it (syncapp/streams/troubles.py)."""

    side: str
    collection: str
    for_s: float
    error: str = ""
    still: bool = False

    @classmethod
    def of(cls, document: Mapping[str, Any], now: float) -> TroubleFacts:
        """`now`: seconds since 1970."""
        return cls(
            document["side"],
            document["collection"],
            max(0.0, now - document["since"]),
            document["error"],
            document["still"],
        )


def reasons(troubles: Iterable[TroubleFacts], lasting_s: float, *, pulls: bool = True) -> list[Reason]:
    """`pulls`: two-way sync is enabled; else nothing of Atlas's stream is expected to move."""
    return [_reason(one, lasting_s) for one in troubles if pulls or one.side != "atlas"]


def _reason(one: TroubleFacts, lasting_s: float) -> Reason:
    status = Status.CRITICAL if one.for_s > lasting_s else Status.DEGRADED
    what = f"changes of {one.collection}" if one.collection else "changes"
    if one.still:
        text = f"{_NAMES[one.side]}: {what} have not got through for {duration(one.for_s)}"
        return Reason(status, f"{text}: {one.error}" if one.error else text)
    return Reason(
        status,
        f"{_NAMES[one.side]}: {what} have failed for {duration(one.for_s)}, and are tried again: {one.error}",
    )
