"""Attributes unknown failures: to the document, or to sync itself.

A document that fails repeatedly and alone is set aside. But a bug of a release, or a server fault, affects every
document: setting all of them aside would stop sync one document after the other. So after a few in a row without a
success the next ones are retried until one succeeds; health shows why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from syncapp.core.values import BOTH, DocumentKey, Ending, Outcome, Side

IN_A_ROW = 10  # documents set aside in one direction without a success in between


class Blame:
    """`most_attempts`: after which a document that fails alone is set aside."""

    def __init__(self, most_attempts: int) -> None:
        self._most_attempts = most_attempts
        self._in_a_row = dict.fromkeys(BOTH, 0)

    def went_through(self, outcomes: Iterable[Outcome]) -> None:
        """A batch without failures."""
        if any(self._in_a_row.values()):
            for one in outcomes:
                if one.ending is Ending.DONE and one.transfer is not None:
                    self._in_a_row[one.transfer] = 0

    def judge(
        self, outcomes: Iterable[Outcome], attempts: Mapping[DocumentKey, int], target: Side
    ) -> list[Outcome]:
        """The outcomes of a batch, with those set aside that reached the limit. A document that failed alone has a
        reason; one of a batch that failed as a whole has none, and is never set aside.

        `attempts`: that failed before; `target`: the side that was to be written.
        """
        known = list(outcomes)
        self.went_through(known)
        return [self._set_aside(one, attempts.get(one.key, 0) + 1, target) for one in known]

    def _set_aside(self, one: Outcome, attempts: int, target: Side) -> Outcome:
        if one.ending is not Ending.RETRY or not one.reason or attempts < self._most_attempts:
            return one
        if self._in_a_row[target] >= IN_A_ROW:
            return one
        self._in_a_row[target] += 1
        return one._replace(ending=Ending.REJECTED, transfer=target)
