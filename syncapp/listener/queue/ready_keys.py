"""The dirty keys that are ready for dispatch, in groups per side and collection, served round-robin; more urgent collections
first, if a rule says so, and of OTHERS batches one of the less urgent: nobody starves."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from syncapp.core.rule.collection_rule import Urgency
from syncapp.core.values import DocumentKey, Side
from syncapp.engine.cutting import ID_BYTES
from syncapp.listener.queue.work import Work

GATHERED_KEYS = 20_000  # in one batch, of a collection in which unique values move between documents
OTHERS = 8  # batches, of which one is not of the most urgent collections that wait
LEVELS = tuple(Urgency)  # the most urgent first


@dataclass(slots=True)
class _Group:
    keys: deque[DocumentKey] = field(default_factory=deque)  # including some that were dropped since
    ready: int = 0


class ReadyKeys:
    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[Side, str], _Group] = OrderedDict()
        # Collections that must not be dispatched: until a drop or a rename is judged, and until it is read
        self.blocked: frozenset[str] = frozenset()
        self.barred: frozenset[str] = frozenset()
        self._urgency: Callable[[str], Urgency] | None = None  # None: all are alike
        self._turns = dict.fromkeys(LEVELS, 0)  # batches that went before less urgent ones
        self.gathered: set[str] = set()  # collections whose keys are dispatched together, one batch at a time

    def follow(self, urgency: Callable[[str], Urgency] | None) -> None:
        """New rules; `urgency`: of a collection. None: all are alike."""
        self._urgency = urgency

    def goes_first(self, collection: str) -> bool:
        """Does a rule say so?"""
        return self._urgency is not None and self._urgency(collection) is Urgency.FIRST

    def first_ready(self) -> int:
        """The number of ready keys of collections that go first."""
        if self._urgency is None:
            return 0
        return sum(group.ready for place, group in self._groups.items() if self._may_go(place[1], True))

    def count(self, collection: str) -> int:
        """The number of ready keys of a collection."""
        return sum(group.ready for place, group in self._groups.items() if place[1] == collection)

    def ahead_of(self, collection: str) -> dict[str, int]:
        """The number of ready keys of collections that are more urgent than this one."""
        found: dict[str, int] = {}
        if self._urgency is not None:
            own = LEVELS.index(self._urgency(collection))
            for (_, name), group in self._groups.items():
                level = self._urgency(name)
                if group.ready and LEVELS.index(level) < own:
                    found[level] = found.get(level, 0) + group.ready
        return found

    def _may_go(self, collection: str, first_only: bool) -> bool:
        if collection in self.blocked or collection in self.barred:
            return False
        return not first_only or self.goes_first(collection)

    def fullest(self, held: Container[str] = ()) -> int:
        """The number of keys in the largest group that may go out. `held`: collections that are left out."""
        blocked = self.blocked | self.barred
        return max(
            (
                group.ready
                for (_, name), group in self._groups.items()
                if name not in held and name not in blocked
            ),
            default=0,
        )

    def add(self, key: DocumentKey, work: Work) -> None:
        if work.ready:
            return
        work.ready = True
        group = self._groups.get((work.side, key.collection))
        if group is None:
            group = self._groups[work.side, key.collection] = _Group()
        group.keys.append(key)
        group.ready += 1
        if work.gather:
            self.gathered.add(key.collection)

    def drop(self, key: DocumentKey, work: Work) -> None:
        if work.ready:
            work.ready = False
            self._groups[work.side, key.collection].ready -= 1  # its entry in the queue is skipped later

    def take(
        self,
        limit: int,
        works: Mapping[DocumentKey, Work],
        held: Container[str] = (),
        first_only: bool = False,
    ) -> tuple[Side, str, list[DocumentKey], bool] | None:
        """Up to `limit` keys of the group whose turn it is, all of as many tries, and no more than fit in a task. Of
        a collection in `gathered` many more, and of both sides' groups, so that all that is ready comes together: True.
        Of those in `held` none. `first_only`: of collections that go first."""
        places = [place for place in self._groups if self._may_go(place[1], first_only)]
        for place in places if self._urgency is None else self._by_urgency(places, held, self._urgency):
            side, collection = place
            if not self._groups[place].ready:
                del self._groups[place]
            elif collection not in held:
                if collection in self.gathered:
                    return side, collection, self._take_together(side, collection, works), True
                return side, collection, self._take_of(place, limit, works), False
        return None

    def _by_urgency(
        self, places: list[tuple[Side, str]], held: Container[str], urgency: Callable[[str], Urgency]
    ) -> list[tuple[Side, str]]:
        """Those whose turn it is come first, then the others: each level leaves one of OTHERS batches to those below it."""
        levels = {place: urgency(place[1]) for place in places}
        waiting = {levels[place] for place in places if self._groups[place].ready and place[1] not in held}
        order = [level for level in LEVELS if level in waiting]
        for level in order[:-1]:
            self._turns[level] += 1
            if self._turns[level] % OTHERS:
                break
            order = [one for one in order if one is not level] + [level]
        ranks = {level: rank for rank, level in enumerate(order)}
        return sorted(places, key=lambda place: ranks.get(levels[place], len(ranks)))

    def _take_together(
        self, side: Side, collection: str, works: Mapping[DocumentKey, Work]
    ) -> list[DocumentKey]:
        chosen: list[DocumentKey] = []
        places = [(one, collection) for one in (side, side.other)]
        for place in places:
            if place in self._groups:
                chosen += self._take_of(place, GATHERED_KEYS - len(chosen), works, chosen)
        if not any(place in self._groups for place in places):
            self.gathered.discard(collection)  # keys that become ready later request it again if needed
        return chosen

    def _take_of(
        self,
        place: tuple[Side, str],
        limit: int,
        works: Mapping[DocumentKey, Work],
        together: Sequence[DocumentKey] | None = None,
    ) -> list[DocumentKey]:
        """`together`: with these, and whatever their tries."""
        group = self._groups.pop(place)
        keys = group.keys
        chosen: list[DocumentKey] = []
        others: list[DocumentKey] = []
        tries, size = -1, sum(len(key.id_bson) for key in together or ())
        while keys and len(chosen) + len(others) < limit:
            key = keys.popleft()
            work = works.get(key)
            if work is None or not work.ready or work.side is not place[0]:
                continue
            if together is None and tries < 0:
                tries = work.tries
                # Failed keys are dispatched in smaller and smaller batches, to isolate the failing one
                limit = max(1, limit // 8 ** min(tries, 4))
            if together is None and work.tries != tries:
                others.append(key)
                continue
            size += len(key.id_bson)
            if (chosen or together) and size > ID_BYTES:
                keys.appendleft(key)
                break
            work.ready = False
            chosen.append(key)
        group.ready -= len(chosen)
        keys.extendleft(reversed(others))
        if group.ready:
            self._groups[place] = group  # at the end: round-robin
        return chosen
