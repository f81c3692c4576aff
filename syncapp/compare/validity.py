"""Which documents that are there a validation would refuse, by reading alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.compare.ranges import all_ranges
from syncapp.core.content import id_of
from syncapp.core.text.extended_json import sample_id
from syncapp.core.values import BOTH, Side

MOST_SAMPLES = 10  # of a collection and side


@dataclass(slots=True)
class Validity:
    """Of one collection, on each side. `samples`: `_id` as extended JSON and the reason; `whole`: were all read?"""

    collection: str
    read: Counter[Side] = field(default_factory=Counter)
    refused: Counter[Side] = field(default_factory=Counter)
    samples: dict[Side, list[tuple[str, str]]] = field(default_factory=lambda: {side: [] for side in BOTH})
    whole: bool = True


def check_documents(
    databases: Mapping[Side, Database[Any]], name: str, check: Callable[[bytes], str | None], deadline: float
) -> Validity:
    """Reads until then (by the monotonic clock), at least one range. Raises PyMongoError."""
    found = Validity(name)
    for page in all_ranges(databases[Side.LOCAL], databases[Side.ATLAS], name):
        for side, documents in ((Side.LOCAL, page.local), (Side.ATLAS, page.atlas)):
            for document in documents:
                _look_at(document, side, check, found)
        if time.monotonic() > deadline:
            found.whole = page.next is None
            break
    return found


def _look_at(document: bytes, side: Side, check: Callable[[bytes], str | None], found: Validity) -> None:
    found.read[side] += 1
    if reason := check(document):
        found.refused[side] += 1
        if len(found.samples[side]) < MOST_SAMPLES:
            found.samples[side].append((sample_id(id_of(document)), reason))
