"""Handles a document that its target refuses since a unique index has its value for another one, together with all
others of its batch that would be refused for the same reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from syncapp.core.content import decode_for_people, id_of, wrap
from syncapp.core.values import BOTH, UNKNOWN, DocumentKey, Ending, Outcome, Seen, Side, WorkItem
from syncapp.engine.admissions import Admission, Judgement, judge
from syncapp.engine.plan import Plan
from syncapp.engine.unique_values import Tangle, Untangling
from syncapp.engine.work import Work
from syncapp.mongo.documents import DocumentWrite
from syncapp.mongo.errors import DUPLICATE_KEY
from syncapp.mongo.index_keys import values_of
from syncapp.mongo.refusals import reason_of

FEW = 64  # partners that a batch includes itself; with more, the listener gathers all changes
MANY = 500  # that a gathered batch includes: the listener does not know them yet
MOST_ATTEMPTS = 8  # to gather documents that cannot be written one by one
TOO_MANY = "; it exchanges values with more documents than one transaction can write"
_OVER = (Ending.DONE, Ending.OWED, Ending.REJECTED)


class Collision:
    """`writes`: all writes of the plan to the target, of which one was refused."""

    def __init__(
        self,
        databases: Mapping[Side, Database[Any]],
        collection: str,
        work: Work,
        plan: Plan,
        target: Side,
        writes: Mapping[DocumentKey, DocumentWrite],
    ) -> None:
        self._databases, self._collection = databases, collection
        self._work, self._plan, self._target, self._writes = work, plan, target, writes
        # Writes in the other direction leave this side unchanged, whatever their outcome
        pushed = {write.key for write in plan.pushes} | plan.leaving | work.leaving
        self._leaving = pushed if target is Side.LOCAL else set()
        self._ended = {**work.outcomes, **{k: one for k, one in plan.outcomes.items() if k not in writes}}

    def settle(self) -> None:
        """Reject documents whose value another one keeps; have the others written together. Raises PyMongoError."""
        work = self._work
        most = MANY if work.gathered else FEW
        tangle = Untangling(
            self._databases[self._target],
            self._databases[self._target.other],
            self._collection,
            {key: write.after for key, write in self._writes.items()},
            {key for key in (*work.items, *self._ended) if not self._was_written(key)},
        ).follow(most - len(work.partners), work.max_bytes)
        found = judge(tangle, self._writes, self._status, self._ended)
        work.exchanged |= found.exchanged
        for key, admission in found.admissions.items():
            if key in work.items and key not in work.outcomes:
                self._pass(key, admission, found, tangle)
        self._take_in(tangle, found)

    def _was_written(self, key: DocumentKey) -> bool:
        """In an earlier round: if the sides differ now, it has changed since."""
        ended = self._ended.get(key)
        return ended is not None and ended.ending is Ending.DONE and ended.transfer is self._target

    def _status(self, holder: DocumentKey) -> Admission | None:
        if holder in self._leaving:
            return None
        ended = self._ended.get(holder)
        if ended is None:
            return Admission.LATER if holder in self._work.items else None
        return None if ended.ending in _OVER else Admission.WAITS

    def _pass(self, key: DocumentKey, admission: Admission, found: Judgement, tangle: Tangle) -> None:
        work = self._work
        if admission is Admission.REFUSED:
            work.outcomes[key] = self._refusal(key, found.holders[key], tangle)
        elif admission is Admission.WAITS:
            work.outcomes[key] = self._wait(key, found, tangle)
        elif not tangle.goes_on:
            work.postponed.add(key)
        elif work.items[key].attempts < MOST_ATTEMPTS:
            work.outcomes[key] = Outcome(key, Ending.GATHER)
        else:
            holder = next(iter(tangle.waits.get(key, ())), None)
            work.outcomes[key] = self._refusal(key, holder, tangle, TOO_MANY)

    def _refusal(
        self, key: DocumentKey, holder: DocumentKey | None, tangle: Tangle, more: str = ""
    ) -> Outcome:
        document = tangle.holders.get(holder) if holder else None
        write = self._writes.get(key)
        return Outcome(
            key, Ending.REJECTED, transfer=self._target, reason=_reason(tangle, key, holder) + more,
            code=DUPLICATE_KEY, document=write.after if write else None,
            other_id=id_of(document) if document else None, other_document=document,
        )  # fmt: skip

    def _wait(self, key: DocumentKey, found: Judgement, tangle: Tangle) -> Outcome:
        """Wait like its holder. One that was only included would wait for ever, since nothing may queue it (it was
        rejected, for instance, and is in conflict): so both are queued together."""
        work, root = self._work, key
        while root not in self._ended:
            root = found.holders[root]
        held_up = self._ended[root].seen
        if held_up is None:
            return Outcome(key, Ending.AGAIN)
        write = self._writes.get(key)
        if write is None:
            # The contents are the holder's: they say nothing about this document
            seen = Seen(dict.fromkeys(BOTH, UNKNOWN), held_up.read_at, -1)
        else:
            seen = self._plan.unwritten(write, self._target)
        seen = seen._replace(waits_for=held_up.waits_for)
        if root not in work.partners:
            return Outcome(key, Ending.WAIT, seen=seen)
        if work.items[key].attempts >= MOST_ATTEMPTS:
            return self._refusal(key, found.holders[key], tangle)
        work.wanted.add(root)
        return Outcome(key, Ending.GATHER, seen=seen)

    def _take_in(self, tangle: Tangle, found: Judgement) -> None:
        if tangle.goes_on:
            return
        source, items = self._target.other, self._work.items
        wanted_by: defaultdict[DocumentKey, list[DocumentKey]] = defaultdict(list)
        for writer, holders in tangle.waits.items():
            for holder in holders:
                wanted_by[holder].append(writer)
        for partner in tangle.partners:
            item = next((items[one] for one in wanted_by[partner] if one in items), None)
            if item and found.admissions[partner] is Admission.LATER and partner not in self._ended:
                # Its own change may not have been read yet. It was made together with that of the document that needs
                # its value, so the time of one is good enough for the other's push
                fact = item.facts.get(source)
                self._work.take_in(WorkItem(partner, {source: fact} if fact else {}))


def _reason(tangle: Tangle, key: DocumentKey, holder: DocumentKey | None) -> str:
    claim = tangle.claims.get((key, holder)) if holder else None
    if claim is None:
        return "Another document holds its value of a unique index"
    index, value = claim
    paths = (b".".join(path) for path in index.paths)
    named = b"".join(
        one[:1] + path + b"\0" + one[1:] for path, one in zip(paths, values_of(value), strict=True)
    )
    text = f"E11000 duplicate key error index: {index.name} dup key"
    return reason_of({"code": DUPLICATE_KEY, "errmsg": text, "keyValue": decode_for_people(wrap(named))})
