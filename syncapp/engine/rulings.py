"""Conflicts whose strategy needs documents, or calls code that is not sync's own: no transaction is open while it thinks.

The transaction that meets such a conflict hands its documents out and decides nothing about it. The verdict is made
when nothing is open any more, and the next round takes it if what it was made on is still there; else it asks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from syncapp.core.decide import Observation
from syncapp.core.resolve import resolve
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import DocumentKey, Outcome, Side
from syncapp.engine.cutting import failed_alone, may_be_its_fault


class Question(NamedTuple):
    """A conflict with its documents, whose facts belong to them."""

    seen: Observation
    conflict: Conflict


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
            rulings[key] = Ruling(question.seen, resolve(question.conflict))
        except interrupts:
            raise
        except Exception as raised:
            failed[key] = failed_alone(key, raised, may_be_its_fault(raised))
        at("verdict made")  # a strategy may be slow: the worker sends a keep-alive
    return rulings, failed
