"""A target refuses a document, since a unique index holds its value for another one: what becomes of it, and of all the
others in its batch that would be refused for the same reason, one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from syncapp.core.content import decode_for_people, id_of, wrap
from syncapp.core.values import BOTH, UNKNOWN, DocumentKey, Ending, Outcome, Seen, Side, WorkItem
from syncapp.engine.plan import Plan
from syncapp.engine.unique_values import Tangle, Untangling
from syncapp.engine.verdicts import Judgement, Verdict, judge
from syncapp.engine.work import Work
from syncapp.mongo.documents import DocumentWrite
from syncapp.mongo.errors import DUPLICATE_KEY
from syncapp.mongo.index_keys import values_of
from syncapp.mongo.refusals import reason_of

FEW = 64  # partners that a batch takes in by itself; with more, the listener gathers what moves
MANY = 500  # that a gathered batch takes in: the listener does not know of them yet
MOST_ATTEMPTS = 8  # to bring together what cannot be written one by one
TOO_MANY = "; it exchanges values with more documents than are written in one transaction"
_OVER = (Ending.DONE, Ending.OWED, Ending.REJECTED)


class Collision:
    """`writes`: all that the plan would write to the target, of which one was refused."""

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
        # What travels the other way stays here, whatever becomes of it there
        pushed = {write.key for write in plan.pushes} | plan.leaving | work.leaving
        self._leaving = pushed if target is Side.LOCAL else set()
        self._ended = {**work.outcomes, **{k: one for k, one in plan.outcomes.items() if k not in writes}}

    def settle(self) -> None:
        """Reject what wants a value that stays where it is; have the others written together. Raises PyMongoError."""
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
        for key, verdict in found.verdicts.items():
            if key in work.items and key not in work.outcomes:
                self._pass(key, verdict, found, tangle)
        self._take_in(tangle, found)

    def _was_written(self, key: DocumentKey) -> bool:
        """In an earlier round: if the sides differ now, it has changed since."""
        ended = self._ended.get(key)
        return ended is not None and ended.ending is Ending.DONE and ended.transfer is self._target

    def _status(self, holder: DocumentKey) -> Verdict | None:
        if holder in self._leaving:
            return None
        ended = self._ended.get(holder)
        if ended is None:
            return Verdict.LATER if holder in self._work.items else None
        return None if ended.ending in _OVER else Verdict.WAITS

    def _pass(self, key: DocumentKey, verdict: Verdict, found: Judgement, tangle: Tangle) -> None:
        work = self._work
        if verdict is Verdict.REFUSED:
            work.outcomes[key] = self._refusal(key, found.holders[key], tangle)
        elif verdict is Verdict.WAITS:
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
        """As its holder does. One that was only taken in would wait for ever, since nobody may hand it out (it was
        rejected, say, and is in conflict): so both are asked for, and come together."""
        work, root = self._work, key
        while root not in self._ended:
            root = found.holders[root]
        held_up = self._ended[root].seen
        if held_up is None:
            return Outcome(key, Ending.AGAIN)
        write = self._writes.get(key)
        if write is None:
            # The contents are the holder's: nothing may be concluded from them
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
            if item and found.verdicts[partner] is Verdict.LATER and partner not in self._ended:
                # Its own change may not have been read yet. It was made together with that of who wants its
                # value, so that the time of one will do for the other's push
                fact = item.facts.get(source)
                self._work.take_in(WorkItem(partner, {source: fact} if fact else {}))


def _reason(tangle: Tangle, key: DocumentKey, holder: DocumentKey | None) -> str:
    claim = tangle.claims.get((key, holder)) if holder else None
    if claim is None:
        return "A unique index holds its value for another document"
    index, value = claim
    paths = (b".".join(path) for path in index.paths)
    named = b"".join(
        one[:1] + path + b"\0" + one[1:] for path, one in zip(paths, values_of(value), strict=True)
    )
    text = f"E11000 duplicate key error index: {index.name} dup key"
    return reason_of({"code": DUPLICATE_KEY, "errmsg": text, "keyValue": decode_for_people(wrap(named))})
