"""Where, when and between whom conflicts happen: for the plot, the API and the command. As health counts them: without those that
one-way sync or an operator's answer decided on purpose."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils import timezone

from monitoring.figures import conflicts_since
from syncapp.models import Conflict

MOST = 20  # collections or pairs of devices
HOUR = dt.timedelta(hours=1)


class Span(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def bar(self) -> dt.timedelta:
        """What one bar of the plot stands for."""
        return {Span.DAY: HOUR, Span.WEEK: 6 * HOUR, Span.MONTH: 24 * HOUR}[self]

    @property
    def bars(self) -> int:
        return {Span.DAY: 24, Span.WEEK: 28, Span.MONTH: 30}[self]


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of conflicts by who won. `waiting`: nobody yet, a person who took something of both, or the sides became equal by
    themselves."""

    local: int = 0
    atlas: int = 0
    waiting: int = 0

    @property
    def total(self) -> int:
        return self.local + self.atlas + self.waiting

    def as_document(self) -> dict[str, int]:
        return {
            "total": self.total,
            "localWins": self.local,
            "atlasWins": self.atlas,
            "waiting": self.waiting,
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """`bars`: (start, tally), the oldest first and without gaps; `collections` and `pairs`: the most frequent first. A pair
    names the origins of the local and of Atlas's version; empty: unknown."""

    span: Span
    total: Tally
    bars: tuple[tuple[dt.datetime, Tally], ...]
    collections: tuple[tuple[str, Tally], ...]
    pairs: tuple[tuple[tuple[str, str], Tally], ...]

    def as_document(self) -> dict[str, Any]:
        return {
            "span": self.span.value,
            **self.total.as_document(),
            "bars": [{"since": since.isoformat(), **tally.as_document()} for since, tally in self.bars],
            "collections": [{"collection": name, **tally.as_document()} for name, tally in self.collections],
            "pairs": [
                {"localOrigin": local, "atlasOrigin": atlas, **tally.as_document()}
                for (local, atlas), tally in self.pairs
            ],
        }


def statistics(span: Span = Span.DAY, collection: str = "", now: dt.datetime | None = None) -> Statistics:
    """Of the last day, week or month, up to the end of the running hour. Raises DatabaseError."""
    end = _hour(now or timezone.now()) + HOUR
    first = end - span.bars * span.bar
    rows = conflicts_since(first)
    if collection:
        rows = rows.filter(collection=collection)
    hours = _tallies(rows.annotate(hour=TruncHour("at", tzinfo=dt.UTC)), "hour")
    bars = Counter[tuple[int, str]]()
    for (hour,), winners in hours.items():
        for winner, count in winners.items():
            bars[int((hour - first) / span.bar), winner] += count
    return Statistics(
        span,
        _tally(sum((Counter(one) for one in hours.values()), Counter())),
        tuple(
            (
                first + place * span.bar,
                _tally({winner: bars[place, winner] for winner in Conflict.Winner.values}),
            )
            for place in range(span.bars)
        ),
        tuple((name, tally) for (name,), tally in _most(_tallies(rows, "collection"))),
        tuple(
            ((local, atlas), tally)
            for (local, atlas), tally in _most(_tallies(rows, "local_origin", "atlas_origin"))
        ),
    )


def _tallies(rows: QuerySet[Conflict], *fields: str) -> dict[tuple[Any, ...], dict[str, int]]:
    """By these fields: how many each winner has."""
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    counted = rows.order_by().values_list(*fields, "winner").annotate(count=Count("pk"))
    for *key, winner, count in counted:
        found.setdefault(tuple(key), {})[winner] = count
    return found


def _most(found: dict[tuple[Any, ...], dict[str, int]]) -> Iterable[tuple[tuple[Any, ...], Tally]]:
    tallies = ((key, _tally(winners)) for key, winners in found.items())
    return sorted(tallies, key=lambda one: (-one[1].total, one[0]))[:MOST]


def _tally(winners: dict[str, int]) -> Tally:
    kinds = Conflict.Winner
    by_person = winners.get(kinds.OPEN, 0) + winners.get(kinds.MERGED, 0)
    return Tally(winners.get(kinds.LOCAL, 0), winners.get(kinds.ATLAS, 0), by_person)


def _hour(moment: dt.datetime) -> dt.datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
