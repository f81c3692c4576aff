"""Conflicts whose strategy needs documents, or calls code that is not sync's own: no transaction is open while it thinks.

The transaction that meets such a conflict hands its documents out and decides nothing about it. The verdict is made
when nothing is open any more, and the next round takes it if what it was made on is still there; else it asks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import structlog
from pymongo.client_session import ClientSession
from pymongo.database import Database

from syncapp.core.decide import Observation
from syncapp.core.resolve import instead, resolve
from syncapp.core.rule.projection import Projection
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import DocumentKey, Outcome, Side
from syncapp.engine.cutting import failed_alone, may_be_its_fault
from syncapp.store.bases import read_bases
from syncapp.store.conflicts import ConflictRecord

log = structlog.get_logger(__name__)


class Question(NamedTuple):
    """A conflict with its documents, whose facts belong to them. `base`: the content of what both were made from, if it is
    kept."""

    seen: Observation
    conflict: Conflict
    base: bytes | None = None


class Ruling(NamedTuple):
    """A verdict, and what it was made on."""

    seen: Observation
    verdict: Verdict

    def holds(self, seen: Observation) -> bool:
        """Are both contents unchanged, without a concurrent decision about the key?"""
        then, now = self.seen.state, seen.state
        return (
            all(self.seen.contents[side] == seen.contents[side] for side in Side)
            and (then.local, then.atlas, then.counter) == (now.local, now.atlas, now.counter)
        )  # fmt: skip


def with_bases(
    local: Database[Any], questions: Mapping[DocumentKey, Question]
) -> dict[DocumentKey, Question]:
    """With the documents that both versions were made from, as far as they are kept. What each side keeps for itself is the
    local one's in all of them. Raises PyMongoError."""
    wanted = {key: one.base for key, one in questions.items() if one.base is not None}
    found = read_bases(local, wanted) if wanted else {}
    return {
        key: one._replace(conflict=_as_here(one.conflict, found.get(key))) for key, one in questions.items()
    }


def recorded_with_bases(
    local: Database[Any],
    asked: Mapping[DocumentKey, tuple[bytes, str]],
    records: Sequence[ConflictRecord],
    projection: Projection,
    session: ClientSession,
) -> list[ConflictRecord]:
    """Records with what both versions were made from, where it was not asked for to decide (`Bases.asked`). Raises PyMongoError."""
    found = read_bases(local, {key: content for key, (content, _) in asked.items()}, session) if asked else {}
    bases = {asked[key][1]: base for key, base in found.items()}
    return [
        replace(one, base=projection.carried(bases[one.record_id], one.versions[Side.LOCAL]))
        if one.record_id in bases
        else one
        for one in records
    ]


def _as_here(conflict: Conflict, base: bytes | None) -> Conflict:
    local, atlas = conflict.documents[Side.LOCAL], conflict.documents[Side.ATLAS]
    carried = conflict.policy.projection.carried
    documents = {Side.LOCAL: local, Side.ATLAS: carried(atlas, local)}
    return conflict._replace(documents=documents, base=carried(base, local))


def make_verdicts(
    questions: Mapping[DocumentKey, Question],
    interrupts: tuple[type[Exception], ...],
    at: Callable[[str], None],
) -> tuple[dict[DocumentKey, Ruling], dict[DocumentKey, Outcome]]:
    """The verdicts, and the ends of documents for which a strategy fails: the others are not blocked.

    Raises `interrupts`, and SyncError for what is no document's fault.
    """
    rulings: dict[DocumentKey, Ruling] = {}
    failed: dict[DocumentKey, Outcome] = {}
    for key, question in questions.items():
        try:
            rulings[key] = Ruling(
                question.seen, resolve(question.conflict)._replace(base=question.conflict.base)
            )
        except interrupts:
            raise
        except Exception as raised:
            if (verdict := instead(question.conflict, raised)) is not None:
                rulings[key] = Ruling(question.seen, verdict._replace(base=question.conflict.base))
                log.warning(
                    "Resolver failed",
                    event_name="resolver_failed",
                    collection=key.collection,
                    because=verdict.because,
                )
                continue
            failed[key] = failed_alone(key, raised, may_be_its_fault(raised))
        at("verdict made")  # a strategy may be slow: the worker sends a keep-alive
    return rulings, failed
