"""Was anything lost silently? Pure: from the history of every server, the final contents, and what conflict
records keep.

A version is accounted for if it is final, if the writer of its successor had it before him (a native write
directly replaced it on some side), or if it lost a recorded conflict. A delete, which has no stamp, is
accounted for if no version that was made from the deleted one came back without a conflict record that says so.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.history import Key, Write

Histories = Mapping[str, Mapping[Key, list[Write]]]  # side → key → its writes in order


@dataclass(frozen=True)
class Loser:
    """What a conflict record keeps: stamps of both versions, None: absent."""

    key: Key
    stamp: str | None
    winner: str | None


@dataclass(frozen=True)
class Verdict:
    lost: tuple[str, ...]  # a sentence each
    loops: tuple[str, ...]
    native: int  # writes of applications
    transfers: int  # writes of sync
    conflicts: int  # versions that only a conflict record keeps


def judge(histories: Histories, final: Mapping[Key, str], losers: Iterable[Loser]) -> Verdict:
    """`final`: the stamp of every document that is there at the end, equal everywhere."""
    by_key: dict[Key, list[Loser]] = defaultdict(list)
    for loser in losers:
        by_key[loser.key].append(loser)
    lost: list[str] = []
    loops: list[str] = []
    native = transfers = conflicts = 0
    for key in sorted({key for history in histories.values() for key in history}):
        sides = {side: history.get(key, []) for side, history in histories.items()}
        parents = _parents(sides.values())
        seen = _replaced(sides.values())
        kept = {loser.stamp for loser in by_key[key]}
        for stamp in parents:
            if stamp == final.get(key) or stamp in seen:
                continue
            if stamp in kept:
                conflicts += 1
            else:
                lost.append(f"{key}: version {stamp!r} is gone")
        lost += _lost_deletes(key, sides, parents, by_key[key])
        loops += _loops(key, sides)
        native += sum(write.native for writes in sides.values() for write in writes)
        transfers += sum(not write.native for writes in sides.values() for write in writes)
    return Verdict(tuple(lost), tuple(loops), native, transfers, conflicts)


def _pairs(writes: list[Write]) -> Iterator[tuple[Write, Write]]:
    """Each write with the one before it; the first one's is an absence that nobody made."""
    return itertools.pairwise([Write(None, False), *writes])


def _parents(sides: Iterable[list[Write]]) -> dict[str, str | None]:
    """Every native version → the version that its writer found; None: nothing was there."""
    return {
        after.stamp: before.stamp
        for writes in sides
        for before, after in _pairs(writes)
        if after.native and after.stamp is not None
    }


def _replaced(sides: Iterable[list[Write]]) -> set[str | None]:
    """The versions that a native write, or a native delete, directly replaced."""
    return {before.stamp for writes in sides for before, after in _pairs(writes) if after.native}


def _ancestors(stamp: str | None, parents: Mapping[str, str | None]) -> set[str]:
    """The version itself, and those that it was made from."""
    found: set[str] = set()
    while stamp is not None and stamp not in found:
        found.add(stamp)
        stamp = parents.get(stamp)
    return found


def _lost_deletes(
    key: Key, sides: Mapping[str, list[Write]], parents: Mapping[str, str | None], losers: list[Loser]
) -> Iterator[str]:
    kept = [_ancestors(loser.winner, parents) for loser in losers if loser.stamp is None]
    for side, writes in sides.items():
        for (before, deleted), after in zip(_pairs(writes), writes[1:], strict=False):
            undone = (
                deleted.stamp is None and deleted.native and not after.native and before.stamp is not None
            )
            if not undone or before.stamp not in _ancestors(after.stamp, parents):
                continue
            if not any(before.stamp in ancestors for ancestors in kept):
                yield (
                    f"{key}: the delete of version {before.stamp!r} on {side} is gone: {after.stamp!r} came back"
                )


def _loops(key: Key, sides: Mapping[str, list[Write]]) -> Iterator[str]:
    """k native writes cause at most k transfers to each device, and each change is pushed at most once."""
    for side, writes in sides.items():
        transfers = sum(not write.native for write in writes)
        elsewhere = sum(write.native for other in sides if other != side for write in sides[other])
        if transfers > elsewhere:
            yield f"{key}: {transfers} transfers to {side}, {elsewhere} native writes elsewhere"
