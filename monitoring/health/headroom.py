"""How long each side may be away, as the listener measured it, and when that is a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.health.limits import Thresholds
from monitoring.health.values import Code, Page, Reason, Status, duration
from syncapp.core.headroom import LONGEST_S, How
from syncapp.core.text.durations import long_duration

NAMES = {"local": "local oplog", "atlas": "oplog of Atlas"}
OLD_S = 900.0  # it is measured every few minutes
WORDS: dict[str, str] = {How.AT_LEAST: "at least ", How.ESTIMATED: "at least "}


@dataclass(frozen=True)
class HeadroomFacts:
    """`seconds`: how long this side's history lasts from now on; None: it cannot be told yet. `sure`: enough is known to warn.
    `age_s`: of the measurement."""

    side: str
    seconds: float | None
    how: str
    sure: bool
    window_s: float | None
    age_s: float

    @classmethod
    def of(cls, side: str, found: Mapping[str, Any], now: datetime) -> HeadroomFacts:
        return cls(
            side,
            found["seconds"],
            found["how"],
            found["sure"],
            found["windowSeconds"],
            max(0.0, now.timestamp() - found["at"]),
        )

    @property
    def text(self) -> str:
        """`can stay offline for 3 d 4 h`."""
        old = f" (as of {duration(self.age_s)} ago)" if self.age_s > OLD_S else ""
        if self.seconds is None:
            return f"unknown yet: the login may not read the {NAMES[self.side]}{old}"
        why = "; estimated, since the login may not read it" if self.how == How.ESTIMATED else ""
        return f"can stay offline for {self.short}{why}{old}"

    @property
    def short(self) -> str:
        if self.seconds is None:
            return "unknown"
        if self.seconds >= LONGEST_S:
            return "more than a year"
        return f"{WORDS.get(self.how, '')}{long_duration(self.seconds)}"

    @property
    def counts(self) -> bool:
        """An old figure says nothing about now, nor does one of a few minutes."""
        return self.seconds is not None and self.sure and self.age_s <= OLD_S

    def level(self, limits: Thresholds) -> Status:
        return level(self.seconds, limits) if self.counts and self.seconds is not None else Status.HEALTHY

    def as_document(self) -> dict[str, Any]:
        """For API, `--json` and live page."""
        return {
            "seconds": self.seconds,
            "how": self.how,
            "windowSeconds": self.window_s,
            "ageSeconds": round(self.age_s),
            "short": self.short,
            "text": self.text,
        }


def facts_of(found: Mapping[str, Any], now: datetime) -> tuple[HeadroomFacts, ...]:
    return tuple(HeadroomFacts.of(side, found[side], now) for side in NAMES if side in found)


def level(seconds: float, limits: Thresholds) -> Status:
    if seconds < limits.headroom_critical_s:
        return Status.CRITICAL
    return Status.DEGRADED if seconds < limits.headroom_warning_s else Status.HEALTHY


def reasons(facts: tuple[HeadroomFacts, ...], limits: Thresholds) -> Iterator[Reason]:
    for one in facts:
        status = one.level(limits)
        if status != Status.HEALTHY:
            text = (
                f"The {NAMES[one.side]}: this device {one.text}, then its history is lost (normal from "
                f"{long_duration(limits.headroom_warning_s)}, critical below {long_duration(limits.headroom_critical_s)})"
            )
            yield Reason(status, Code.HEADROOM, text, Page.DEVICES, one.side)
