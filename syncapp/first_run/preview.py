"""What the first run would find, by reading alone: nothing is written on either side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.database import Database

from syncapp.compare.differences import by_key, shared_collections
from syncapp.compare.ranges import Range, all_ranges
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.rule.projection import WHOLE
from syncapp.core.values import BOTH, Side
from syncapp.store.first_run import Counts, Report


@dataclass(slots=True)
class Preview:
    """`cut_short`: collections that were not read to their end, with about how many documents both sides hold."""

    report: Report
    cut_short: dict[str, int] = field(default_factory=dict)


def preview(databases: Mapping[Side, Database[Any]], exclusions: Exclusions, seconds: float) -> Preview:
    """Compare both sides for so many seconds at most, small collections first. Raises PyMongoError or SyncError."""
    deadline = time.monotonic() + seconds
    found = Preview(Report())
    sizes = {name: _size(databases, name) for name in shared_collections(*(databases[side] for side in BOTH))}
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        counts = found.report.collections[name] = Counts()
        for page in all_ranges(databases[Side.LOCAL], databases[Side.ATLAS], name):
            if time.monotonic() > deadline:
                found.cut_short[name] = sizes[name]
                break
            _count(name, page, counts)
    found.report.excluded |= {name for name in sizes if exclusions.excludes(name)}
    return found


def _size(databases: Mapping[Side, Database[Any]], name: str) -> int:
    return max(database[name].estimated_document_count() for database in databases.values())


def _count(name: str, page: Range, counts: Counts) -> None:
    here, there = by_key(name, page.local), by_key(name, page.atlas)
    shared = here.keys() & there.keys()
    equal = sum(WHOLE.same(here[key], there[key]) for key in shared)
    counts.equal += equal
    counts.different += len(shared) - equal
    counts.only_local += len(here) - len(shared)
    counts.only_atlas += len(there) - len(shared)
