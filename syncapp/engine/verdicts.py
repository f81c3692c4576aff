"""What becomes of documents that want unique values of others. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from syncapp.core.values import DocumentKey
from syncapp.engine.unique_values import Tangle


class Verdict(IntEnum):
    """From the weakest to the strongest: what holds for a document holds for those that want its values too."""

    LATER = 1  # in the next round, with documents that this one knows nothing of
    WAITS = 2  # for a holder that waits itself
    REFUSED = 3  # the holder keeps the value


@dataclass(slots=True)
class Judgement:
    verdicts: dict[DocumentKey, Verdict] = field(default_factory=dict)
    holders: dict[DocumentKey, DocumentKey] = field(default_factory=dict)  # because of whom
    exchanged: set[DocumentKey] = field(default_factory=set)  # written together, as deletes and inserts


def judge(
    tangle: Tangle,
    writes: Iterable[DocumentKey],
    status: Callable[[DocumentKey], Verdict | None],
    over: Container[DocumentKey] = (),
) -> Judgement:
    """`status` of a holder that is not written now: WAITS, or LATER; None: it stays as it is. `over`: documents that
    have been dealt with, so that they cannot be taken in as partners."""
    judgement = Judgement()
    written = set(writes)
    begin: dict[DocumentKey, tuple[Verdict, DocumentKey]] = {}
    for writer, holders in tangle.waits.items():
        for holder, gives_up in holders.items():
            if not gives_up:
                _raise(begin, writer, _kept(holder, written, status), holder)
    for writer, first in tangle.rivals.items():
        _raise(begin, writer, Verdict.LATER, first)
    for partner in tangle.partners:
        _raise(begin, partner, Verdict.WAITS if partner in over else Verdict.LATER, partner)
    _spread(tangle.waits, begin, judgement)
    for writer, holders in tangle.waits.items():
        for holder in holders:
            if max(judgement.verdicts.get(one, 0) for one in (writer, holder)) <= Verdict.LATER:
                judgement.exchanged |= {writer, holder}
    return judgement


def _kept(
    holder: DocumentKey, written: set[DocumentKey], status: Callable[[DocumentKey], Verdict | None]
) -> Verdict:
    if holder in written:
        return Verdict.REFUSED  # it changes, but not in this
    return status(holder) or Verdict.REFUSED


def _raise(
    begin: dict[DocumentKey, tuple[Verdict, DocumentKey]],
    key: DocumentKey,
    verdict: Verdict,
    holder: DocumentKey,
) -> None:
    if key not in begin or begin[key][0] < verdict:
        begin[key] = (verdict, holder)


def _spread(
    waits: Mapping[DocumentKey, Mapping[DocumentKey, bool]],
    begin: Mapping[DocumentKey, tuple[Verdict, DocumentKey]],
    judgement: Judgement,
) -> None:
    """A document that is not written keeps its values, so that nobody gets them. The strongest verdict comes first."""
    wanting = defaultdict(list)
    for writer, holders in waits.items():
        for holder in holders:
            wanting[holder].append(writer)
    queue = sorted(
        ((verdict, key, holder) for key, (verdict, holder) in begin.items()), key=lambda one: -one[0]
    )
    for level in sorted(Verdict, reverse=True):
        stack = [(key, holder) for verdict, key, holder in queue if verdict is level]
        while stack:
            key, holder = stack.pop()
            if key in judgement.verdicts:
                continue
            judgement.verdicts[key], judgement.holders[key] = level, holder
            stack += [(writer, key) for writer in wanting[key]]
