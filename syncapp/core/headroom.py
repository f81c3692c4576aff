"""How long a side may be away before its history is lost: from the oplog's ends and size as they were measured, and the
rate at which it is written.

The server truncates the oplog in large pieces, so that its reach jumps. What was written between two measurements is therefore
what it grew by, and what was truncated meanwhile at the oplog's mean density.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

HOUR, DAY, WEEK = 3_600.0, 86_400.0, 604_800.0
FULL = 0.9  # the server truncates in large pieces, so that the oplog is never completely full
LONGEST_S = 365 * DAY  # an oplog that nobody writes to would last for centuries
MEAN_UNTIL_S = (
    6 * HOUR
)  # before so much was measured the mean rate of the whole oplog counts as the last day's


class How(StrEnum):
    MEASURED = "measured"
    AT_LEAST = "at-least"  # its size is unknown, and nothing has been truncated since it is watched
    ESTIMATED = "estimated"  # by the oldest position at which a stream could be opened: the login may not read the oplog


@dataclass(frozen=True, slots=True)
class OplogSample:
    """`at`, `first`, `last`: seconds since 1970 by that server's clock: now, and the two ends. `used`, `most`: bytes; 0: unknown.
    `retention_s`: entries are kept for so long whatever the size."""

    at: float
    first: float
    last: float
    used: int = 0
    most: int = 0
    retention_s: float = 0.0

    @property
    def window_s(self) -> float:
        return max(1.0, self.last - self.first)

    @property
    def is_full(self) -> bool:
        return self.most > 0 and self.used >= FULL * self.most


@dataclass(frozen=True, slots=True)
class Forecast:
    """`seconds`: how long a device may stay away from now on. `sure`: enough is known to warn of it. `window_s`: how far it
    reaches back now; None: unknown."""

    seconds: float
    how: How
    sure: bool
    window_s: float | None = None


def forecast(samples: Sequence[OplogSample]) -> Forecast:
    """`samples`: one or more, oldest first. The higher rate of the last hour and the last day counts."""
    newest = samples[-1]
    watched_s = newest.at - samples[0].at
    rates = [_rate(samples, HOUR), _rate(samples, DAY)]
    if newest.most and watched_s < MEAN_UNTIL_S:
        rates.append(newest.used / newest.window_s)
    rate, most = max(rates), newest.most or 1
    if rate <= 0:
        # Nothing was written since the last entry: it reaches from its first one up to now
        seconds, how = max(newest.window_s, newest.at - newest.first), How.AT_LEAST
    else:
        seconds, how = most / rate, How.MEASURED
    seconds = min(LONGEST_S, max(seconds, newest.retention_s))
    return Forecast(seconds, how, newest.is_full or watched_s >= HOUR, newest.window_s)


def _rate(samples: Sequence[OplogSample], period_s: float) -> float:
    """Bytes a second over the period, or the share of the oplog, where sizes are unknown. 0: unknown, or nothing."""
    recent = [one for one in samples if one.at >= samples[-1].at - period_s]
    passed_s = recent[-1].at - recent[0].at
    return sum(_written(recent)) / passed_s if passed_s > 0 else 0.0


def _written(samples: Sequence[OplogSample]) -> Iterator[float]:
    for one, next_one in pairwise(samples):
        used = one.used if one.most else 1
        grown = next_one.used - one.used if one.most else 0
        yield max(0.0, grown + max(0.0, next_one.first - one.first) * used / one.window_s)


def thin(samples: Sequence[OplogSample]) -> list[OplogSample]:
    """Without those that no forecast needs: all of the last hour, and of the day one for each hour."""
    now = samples[-1].at
    kept: dict[float, OplogSample] = {}
    for one in samples:
        age_s = now - one.at
        if 0 <= age_s <= HOUR:
            kept[one.at] = one
        elif 0 <= age_s <= DAY:
            kept.setdefault(one.at // HOUR, one)
    return sorted(kept.values(), key=lambda one: one.at)


# What was forecast: the start of a slot (seconds since 1970), and the lowest forecast in it, in seconds
Past = tuple[tuple[int, int], ...]
# Up to which age the slots of the past are how long
SLOTS_S = ((HOUR, 900), (DAY, 3_600), (WEEK, 21_600))


def slot_s(age_s: float) -> int:
    """How long a slot of this age is; 0: it is no longer kept."""
    return next((length for oldest, length in SLOTS_S if age_s <= oldest), 0)


def remember(past: Past, at: float, seconds: float) -> Past:
    """With this forecast; what is older is kept in longer slots, up to a week. Of a clock that was set back, what is ahead of it is
    forgotten."""
    lowest: dict[int, int] = {}
    for start, found in (*past, (int(at), int(seconds))):
        length = slot_s(at - start) if start <= at else 0
        if length:
            slot = start // length * length
            lowest[slot] = min(found, lowest.get(slot, found))
    return tuple(sorted(lowest.items()))
