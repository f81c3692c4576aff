"""The outcome of documents that need unique values of others. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from syncapp.core.values import DocumentKey
from syncapp.engine.unique_values import Tangle


class Admission(IntEnum):
    """From the weakest to the strongest: a document's verdict also applies to those that need its values."""

    LATER = 1  # in the next round, with documents that are not part of this one
    WAITS = 2  # for a holder that waits itself
    REFUSED = 3  # the holder keeps the value


@dataclass(slots=True)
class Judgement:
    admissions: dict[DocumentKey, Admission] = field(default_factory=dict)
    holders: dict[DocumentKey, DocumentKey] = field(default_factory=dict)  # writer → holder
    exchanged: set[DocumentKey] = field(default_factory=set)  # written together, as deletes and inserts


def judge(
    tangle: Tangle,
    writes: Iterable[DocumentKey],
    status: Callable[[DocumentKey], Admission | None],
    over: Container[DocumentKey] = (),
) -> Judgement:
    """`status` of a holder that is not written now: WAITS, or LATER; None: it stays as it is. `over`: documents that
    are finished, so that they cannot be included as partners."""
    judgement = Judgement()
    written = set(writes)
    begin: dict[DocumentKey, tuple[Admission, DocumentKey]] = {}
    for writer, holders in tangle.waits.items():
        for holder, gives_up in holders.items():
            if not gives_up:
                _raise(begin, writer, _kept(holder, written, status), holder)
    for writer, first in tangle.rivals.items():
        _raise(begin, writer, Admission.LATER, first)
    for partner in tangle.partners:
        _raise(begin, partner, Admission.WAITS if partner in over else Admission.LATER, partner)
    _spread(tangle.waits, begin, judgement)
    for writer, holders in tangle.waits.items():
        for holder in holders:
            if max(judgement.admissions.get(one, 0) for one in (writer, holder)) <= Admission.LATER:
                judgement.exchanged |= {writer, holder}
    return judgement


def _kept(
    holder: DocumentKey, written: set[DocumentKey], status: Callable[[DocumentKey], Admission | None]
) -> Admission:
    if holder in written:
        return Admission.REFUSED  # it changes, but not in this value
    return status(holder) or Admission.REFUSED


def _raise(
    begin: dict[DocumentKey, tuple[Admission, DocumentKey]],
    key: DocumentKey,
    admission: Admission,
    holder: DocumentKey,
) -> None:
    if key not in begin or begin[key][0] < admission:
        begin[key] = (admission, holder)


def _spread(
    waits: Mapping[DocumentKey, Mapping[DocumentKey, bool]],
    begin: Mapping[DocumentKey, tuple[Admission, DocumentKey]],
    judgement: Judgement,
) -> None:
    """A document that is not written keeps its values, so that nobody gets them. The strongest admission comes first."""
    wanting = defaultdict(list)
    for writer, holders in waits.items():
        for holder in holders:
            wanting[holder].append(writer)
    queue = sorted(
        ((admission, key, holder) for key, (admission, holder) in begin.items()), key=lambda one: -one[0]
    )
    for level in sorted(Admission, reverse=True):
        stack = [(key, holder) for admission, key, holder in queue if admission is level]
        while stack:
            key, holder = stack.pop()
            if key in judgement.admissions:
                continue
            judgement.admissions[key], judgement.holders[key] = level, holder
            stack += [(writer, key) for writer in wanting[key]]
