"""Changes that cannot be transferred, as reasons for health."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.health.values import Code, Reason, Status, duration

_NAMES = {"local": "Local → Atlas", "atlas": "Atlas → local"}


@dataclass(frozen=True)
class StuckFacts:
    """As mirrored by the listener (syncapp/listener/telemetry/stuck.py)."""

    side: str
    collection: str
    for_s: float
    error: str = ""
    still: bool = False

    @classmethod
    def of(cls, document: Mapping[str, Any], now: float) -> StuckFacts:
        """`now`: seconds since 1970."""
        return cls(
            document["side"],
            document["collection"],
            max(0.0, now - document["since"]),
            document["error"],
            document["still"],
        )


def reasons(stuck: Iterable[StuckFacts], lasting_s: float, *, pulls: bool = True) -> list[Reason]:
    """`pulls`: two-way sync is enabled; otherwise Atlas's stream is expected to stand."""
    return [_reason(one, lasting_s) for one in stuck if pulls or one.side != "atlas"]


def _reason(one: StuckFacts, lasting_s: float) -> Reason:
    status = Status.CRITICAL if one.for_s > lasting_s else Status.DEGRADED
    lasting = f"{duration(one.for_s)} (critical above {duration(lasting_s)})"
    about = f"{one.side} {one.collection}".rstrip()
    what = f"changes of {one.collection}" if one.collection else "changes"
    if one.still:
        text = f"{_NAMES[one.side]}: {what} have not been transferred for {lasting}"
        return Reason(status, Code.STILL, f"{text}: {one.error}" if one.error else text, about=about)
    return Reason(
        status,
        Code.FAILING,
        f"{_NAMES[one.side]}: {what} have been failing for {lasting} and are retried: {one.error}",
        about=about,
    )
