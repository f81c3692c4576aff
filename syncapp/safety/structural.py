"""Drops, renames and dropDatabase: events that name no document, and after which documents are gone without
an event of their own. They are never applied on the other side as such: sync is halted if documents that both
sides had agreed on are gone and the other side still holds them.

What a side's applications remove where its deletes are not transferred stays removed there: no question, but a comparison,
which notes that the sides differ.

A rename onto an existing name replaces its content ($out ends so): it is compared and synchronised like any change, and
halted only where more documents would be deleted than the breaker allows (mass_deletes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from pymongo.database import Database

from syncapp.compare.gone import Gone, count_documents, count_gone
from syncapp.core.changes import UNREADABLE, Structural
from syncapp.core.clock import now_ms
from syncapp.core.rule.exclusions import is_reserved
from syncapp.core.rule.scope import Scope
from syncapp.core.values import Side
from syncapp.rules.refusals import is_usable
from syncapp.safety.mass_deletes import Limit
from syncapp.store import runs
from syncapp.store.answered import Answered, is_answered
from syncapp.store.halts import SAMPLES, Kind, end_kind, raise_halt, samples_of

log = structlog.get_logger(__name__)
REPLACED, UNREAD = "a collection was renamed or replaced", "a change event could not be read"
STAYS = "a collection was dropped or renamed where its deletes are not transferred"
WORDS = {"drop": "was dropped", "rename": "was renamed"}


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges a side's structural events, once nothing of their collections is in flight."""

    databases: dict[Side, Database[Any]]
    limit: Limit
    answered: Answered
    scope: Scope
    marker_keep_hours: int

    def judge(self, side: Side, change: Structural) -> None:
        """Raise a halt where one is needed, request a comparison where documents appeared or vanished without events.
        Idempotent. Raises PyMongoError."""
        name, to, local = change.collection, change.renamed_to, self.databases[Side.LOCAL]
        if change.operation == "dropDatabase" and side is Side.LOCAL:
            # Sync's own data was dropped too: this is a new, empty device now, which is filled from Atlas
            end_kind(local, Kind.STRUCTURAL, side)
        elif change.operation == UNREADABLE and name:
            runs.compare_collections(local, UNREAD, [name])
        elif change.operation == UNREADABLE:
            runs.request(local, kind=runs.Kind.RESYNC, why=UNREAD)
        elif change.operation in WORDS:
            if self._is_synced(side, name):
                self._judge_emptied(side, change)
            if self._is_synced(side, to) and not self._judge_replaced(side, change):
                runs.compare_collections(local, REPLACED, [to])

    def halt_unjudged(self, side: Side, change: Structural, error: str) -> None:
        """It cannot be checked: an operator has to decide. Raises PyMongoError."""
        for name in change.collections:
            detail = f"{name} {WORDS.get(change.operation, 'was changed')} on {_place(side)}, which cannot be checked: {error}"
            self._raise(side, name, detail, {"operation": change.operation, "renamedTo": change.renamed_to})

    def _is_synced(self, side: Side, name: str) -> bool:
        return bool(name) and self.scope.carries(side, name) and not is_reserved(name) and is_usable(name)

    def _judge_emptied(self, side: Side, change: Structural) -> None:
        name = change.collection
        gone = self._gone(side, name, change, 0)
        if not gone.number:
            return
        if not self.scope.carries_deletes(side, name):
            runs.compare_collections(self.databases[Side.LOCAL], STAYS, [name])
            return
        left = count_documents(self.databases[side.other], name)
        to = f" to {change.renamed_to}" if change.renamed_to else ""
        detail = (
            f"{name} {WORDS[change.operation]}{to} on {_place(side)}; "
            f"the other side holds {left:,} documents of it"
        )
        preview = {
            "documents": left,
            "operation": change.operation,
            "renamedTo": change.renamed_to,
            **samples_of(gone.samples),
        }
        self._raise(side, name, detail, preview)

    def _judge_replaced(self, side: Side, change: Structural) -> bool:
        """Is it halted?"""
        name = change.renamed_to
        there = count_documents(self.databases[side.other], name)
        allowed = max(self.limit.number, int(self.limit.share * there))
        travel = self.scope.carries_deletes(side, name)
        gone = self._gone(side, name, change, allowed) if travel and there > allowed else Gone()
        if gone.number <= allowed:
            return False
        detail = (
            f"{name} was replaced by another collection on {_place(side)}; more than {allowed:,} of the "
            f"{there:,} documents that the other side holds are not in it"
        )
        preview = {
            "documents": there,
            "gone": gone.number,
            "operation": change.operation,
            "renamedTo": "",
            **samples_of(gone.samples),
        }
        self._raise(side, name, detail, preview)
        return True

    def _gone(self, side: Side, name: str, change: Structural, enough: int) -> Gone:
        position = change.fact.position if change.fact else 0
        if is_answered(self.answered, side, name, position):
            return Gone()
        markers_since = now_ms() - self.marker_keep_hours * 3_600_000
        return count_gone(self.databases, side, name, position, enough, SAMPLES, markers_since)

    def _raise(self, side: Side, name: str, detail: str, preview: dict[str, Any]) -> None:
        local = self.databases[Side.LOCAL]
        if raise_halt(local, Kind.STRUCTURAL, detail, side=side, collection=name, preview=preview):
            log.error("Sync is halted for a collection", event_name="halted", collection=name, side=str(side))


def _place(side: Side) -> str:
    return "the local database" if side is Side.LOCAL else "Atlas"
