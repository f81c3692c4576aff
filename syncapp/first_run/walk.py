"""The first run's walk through both databases: after a crash the next listener
continues where the last one was, with the same start points of the streams."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pymongo.database import Database

from syncapp.compare import differences as compare
from syncapp.compare.ranges import read_range
from syncapp.core.initial_choice import InitialChoice
from syncapp.core.values import ABSENT, BOTH, Side
from syncapp.mongo.majority import majority_position, newest_position
from syncapp.rules.rules import Rules
from syncapp.store.first_run import Counts, Report
from syncapp.store.stream import current_token
from syncapp.store.walks import WalkRecord, begin_walk, end_walk, find_walk, save_walk

SAVE_SECONDS = 0.5
# The action per page, of which the local side was read at its position or later, and Atlas's, if it has one, at its
# position or earlier; returns whether pulls are pending
CarryOut = Callable[[str, list[compare.Compared], Mapping[Side, int]], bool]


@dataclass(slots=True)
class Walk:
    id: str
    record: WalkRecord
    report: Report

    def go_on(
        self,
        databases: Mapping[Side, Database[Any]],
        rules: Rules,
        carry_out: CarryOut,
        progress: Callable[[int], None],
    ) -> None:
        """Walk to the end, or until `progress` raises. Raises SyncError or PyMongoError."""
        local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
        record = self.record
        saved_at = time.monotonic()
        while record.at < len(record.names):
            try:
                progress(self.report.total.documents)
            except BaseException:
                self._save(local)
                raise
            name = record.names[record.at]
            policy = rules.policy(name)
            positions = {Side.LOCAL: majority_position(local)}
            found = read_range(local, atlas, name, record.start, expression=policy.rule.filter)
            page = compare.compare_range(local, name, found, policy)
            if any(ABSENT not in (one.local, one.atlas) and not one.agreed for one in page):
                # The way to Atlas once more, only where it may be conflicts
                positions[Side.ATLAS] = newest_position(atlas)
            # Repeated after a crash before it is saved, which is harmless
            record.owed |= carry_out(name, page, positions)
            counts = self.report.collections.setdefault(name, Counts())
            for one in page:
                _count(one, counts)
            record.start = found.next
            if found.next is None:
                record.at += 1
            if time.monotonic() - saved_at > SAVE_SECONDS or record.at == len(record.names):
                self._save(local)
                saved_at = time.monotonic()

    def end(self, local: Database[Any]) -> None:
        """The walk is finished. Raises PyMongoError."""
        end_walk(local, self.id)

    def _save(self, local: Database[Any]) -> None:
        total = self.report.total
        self.record.report = self.report.as_document()
        counts = {"documents": total.documents, **total.as_document(), "marked": 0}
        save_walk(local, self.id, self.record, counts)


def basis(rules: Rules, choice: InitialChoice | None) -> dict[str, Any]:
    """What a walk depends on: one with another basis cannot be continued."""
    collection_rules = json.dumps([rule.as_document() for rule in rules.collections.rules])
    return {
        "choice": str(choice or ""),
        "enabled": rules.enabled,
        "exclusions": sorted(rules.exclusions.patterns),
        "rules": blake2b(collection_rules.encode(), digest_size=16).hexdigest(),
    }


def find(local: Database[Any], rules: Rules, choice: InitialChoice | None) -> Walk | None:
    """The unfinished walk. Raises PyMongoError."""
    found = find_walk(local, basis(rules, choice))
    return Walk(*found, Report.of(found[1].report)) if found else None


def begin(databases: Mapping[Side, Database[Any]], rules: Rules, choice: InitialChoice | None) -> Walk:
    """Start points first, then the comparison: the streams deliver changes made meanwhile.

    Raises SyncError or PyMongoError.
    """
    local, atlas = databases[Side.LOCAL], databases[Side.ATLAS]
    points = {side: current_token(side, databases[side], rules.exclusions) for side in BOTH}
    names = compare.shared_collections(local, atlas)
    report = Report({name: Counts() for name in names}, {n for n in names if rules.exclusions.excludes(n)})
    record = WalkRecord(basis(rules, choice), points, names, report.as_document())
    expected = sum(
        max(database[name].estimated_document_count() for database in (local, atlas)) for name in names
    )
    run_id = begin_walk(local, str(choice or "what both databases hold"), record, expected)
    return Walk(run_id, record, report)


def _count(one: compare.Compared, counts: Counts) -> None:
    if one.what == "equal":
        counts.equal += 1
    elif one.what == "different":
        counts.different += 1
    elif one.what == "onlyLocal":
        counts.only_local += 1
    else:
        counts.only_atlas += 1
