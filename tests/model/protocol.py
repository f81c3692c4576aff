"""What a task does with one key."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tests.model import counters
from tests.model.databases import Content, Event, Transaction, WriteConflict
from tests.model.safeties import Safety
from tests.model.values import ATLAS, LOCAL, SIDES, Crash, Intent, Read, Seen, State, Steps, Task

if TYPE_CHECKING:
    from tests.model.world import Device, World


def reconcile(world: World, device: Device, task: Task) -> Steps:
    """Yields wherever another process may run; returns None when the key is done, or what it has to wait for."""
    key, without = task.key, world.without
    verdict: Verdict | None = None
    while True:
        before = device.state(key)
        yield
        settled, landed = before, False
        if before.intent and Safety.SETTLED_FIRST not in without:
            landed = yield from _has_landed(world, before.intent)
            settled = before.landed(0) if landed else replace(before, intent=None)
        atlas, atlas_at = yield from _read_atlas(world, task, settled, certain=before.intent is not None)
        if landed:
            settled = replace(settled, seen_at=atlas_at)
        there = Transaction(device.store)  # nothing is open locally across the round trip to Atlas
        local = there.read(("doc", key))
        now = device.state(key, there)
        yield
        if now.counter != before.counter and Safety.COUNTER not in without:
            continue
        if now.intent and Safety.SETTLED_FIRST in without:
            settled = replace(now, intent=None)
        if device.keeps_deletes and local is None and Safety.DELETE_AGREED not in without:
            settled = replace(settled, local=None)
        foreign = atlas is not None and not device.holds(atlas)
        if foreign and local == atlas:
            settled = replace(settled, local=local, atlas=atlas)
        if foreign and (local == settled.local or Safety.WHAT_IS_THERE in without):
            atlas = None  # as this device sees it
        if device.wants is not None and now.intent is None and _is_nothing(local, atlas, settled):
            return None  # nothing is stored about it
        twice = device.counts and counters.twice(there, key, settled, local, atlas, without)
        read = Read({LOCAL: local, ATLAS: atlas}, {LOCAL: there.position, ATLAS: atlas_at}, twice)
        if verdict and not verdict.counts(read, settled, without):
            verdict = None
        try:
            wait_for = _too_early(task, read, settled, without) if verdict is None else ()
            if wait_for:
                world.stats["wait"] += 1
                return Seen(read.contents, read.at, settled.counter, wait_for)
            if verdict is None and _both_changed(read, settled) and (device.counts or world.judges_outside()):
                world.stats["judged outside"] += 1
                verdict = Verdict(read.contents, settled, _local_is_later(task))
                yield
                if device.counts:
                    verdict = verdict._replace(
                        merged=counters.merged(device.store, key, read, settled, without)
                    )
                continue
            ruling = verdict or Verdict(read.contents, settled, _local_is_later(task))
            if (yield from _act(world, device, task, read, settled, there, ruling)):
                return None
        except WriteConflict:
            world.stats["write conflict"] += 1
            yield


def _is_nothing(local: Content, atlas: Content, state: State) -> bool:
    return local is atlas is state.local is state.atlas is None


class Verdict(NamedTuple):
    """Who wins a conflict, judged while no transaction is open, and on what."""

    contents: dict[str, Content]
    state: State
    local_wins: bool
    merged: Content = None  # instead of both: what a counter becomes

    def counts(self, read: Read, state: State, without: frozenset[Safety]) -> bool:
        if Safety.STILL_THOSE in without:
            return _both_changed(read, state)
        then = self.state
        agreed = (then.local, then.atlas, then.counter) == (state.local, state.atlas, state.counter)
        return agreed and self.contents == read.contents


def _both_changed(read: Read, state: State) -> bool:
    local, atlas = read.contents[LOCAL], read.contents[ATLAS]
    return read.twice or (local not in (atlas, state.local) and atlas != state.atlas)


def _read_atlas(
    world: World, task: Task, state: State, *, certain: bool
) -> Generator[None, None, tuple[Content, int]]:
    """What Atlas holds, or held: a primary that was deposed and has not heard of it answers too."""
    without, fact = world.without, task.facts.get(ATLAS)
    least = fact.position if fact and Safety.EVENT_READ not in without else 0
    if Safety.NEVER_BACK not in without:
        least = max(least, state.seen_at)
    certain = certain or not task.facts
    if not certain or Safety.CERTAIN in without:
        found, position = world.read_atlas(task.key, least)
        yield
        if fact is not None or found == state.atlas or Safety.CERTAIN in without:
            return found, position
    yield
    return world.atlas.get(task.key), world.atlas.position


def _too_early(task: Task, read: Read, state: State, without: frozenset[Safety]) -> tuple[str, ...]:
    """The sides whose streams have to be read on before this can be decided."""
    local, atlas = read.contents[LOCAL], read.contents[ATLAS]
    if not read.twice and local in (atlas, state.local):
        return ()
    if atlas == state.atlas:
        known = Safety.PUSH_TIME_KNOWN in without or _belongs(LOCAL, task, read, state, without)
        return () if known else (LOCAL,)
    known = Safety.FACTS_BELONG in without or all(_belongs(s, task, read, state, without) for s in SIDES)
    return () if known else SIDES


def _belongs(side: str, task: Task, read: Read, state: State, without: frozenset[Safety]) -> bool:
    """Is the fact the one of the content that was read?"""
    if task.read_to[side] >= read.at[side]:
        return True
    before, fact = task.seen, task.facts.get(side)
    if before is None or (before.counter != state.counter and Safety.SAME_DECISION not in without):
        return False
    nothing_newer = fact is None or fact.position <= before.read_at[side]
    return (
        before.contents[side] == read.contents[side]
        and nothing_newer
        and task.read_to[side] >= before.read_at[side]
    )


def _act(
    world: World,
    device: Device,
    task: Task,
    read: Read,
    state: State,
    there: Transaction,
    ruling: Verdict,
) -> Generator[None, None, bool]:
    """Decide, and do it. Returns whether the key is done."""
    key, without = task.key, world.without
    local, atlas = read.contents[LOCAL], read.contents[ATLAS]
    conflict = _both_changed(read, state)

    def decide(after: State, pushed: Content = None) -> None:
        there.write(("state", key), after)
        if device.counts:
            counters.follow(there, key, after, {local, atlas, pushed}, without)

    if not conflict and (local == atlas or (local == state.local and atlas == state.atlas)):
        if Safety.ALWAYS_RAISED in without and state == device.state(key):
            return True
        decide(state.next(local, atlas, read.at[ATLAS]))
        there.commit()
        world.stats["equal"] += 1
        return True
    merged = ruling.merged if conflict else None
    if merged is not None or (local != state.local and (not conflict or ruling.local_wins)):
        batch, pushed = (device.name, world.new_id()), local if merged is None else merged
        agreed = (atlas, atlas) if conflict else (state.local, state.atlas)
        if merged is not None and Safety.REBASED in without:
            agreed = (local, local)
        intent = Intent(batch, pushed) if Safety.INTENT not in without else None
        decide(state.next(*agreed, read.at[ATLAS], intent), pushed)
        there.write(("batch", batch), "remembered")
        if merged is not None:
            there.write(("doc", key), merged, Event(key, None, device.name, ("pull", task.id)))
            world.stats["merged"] += 1
        there.commit()
        if conflict and merged is None:
            world.lost(key, local, atlas)
        yield
        landed = yield from _push(world, device, task, read, batch, pushed)
        return landed and (device.holds(pushed) or Safety.GOES_UP_FIRST in without)
    brought = atlas if device.holds(atlas) else None
    there.write(("doc", key), brought, Event(key, None, device.name, ("pull", task.id)))
    decide(state.next(brought, brought, read.at[ATLAS]))
    there.commit()
    if conflict:
        world.lost(key, atlas, local)
    world.stats["pull"] += 1
    return True


def _local_is_later(task: Task) -> bool:
    here, there = task.facts.get(LOCAL), task.facts.get(ATLAS)
    if here is None or there is None:
        return there is None and here is not None
    return here[1:] > there[1:]


def _push(
    world: World, device: Device, task: Task, read: Read, batch: tuple[str, int], content: Content
) -> Generator[None, None, bool]:
    """Returns whether it landed, and was recorded."""
    key, without = task.key, world.without
    there = Transaction(world.atlas)
    moved = there.read(key) != read.contents[ATLAS] and Safety.READ_AGAIN not in without
    if moved or (there.read(("batch", batch)) and Safety.FENCE not in without):
        return False  # or our intent was settled without us
    yield
    fact = task.facts.get(LOCAL)
    there.write(key, content, Event(key, fact.time if fact else None, device.name, batch))
    there.write(("batch", batch), "landed")
    there.commit()
    position = world.atlas.position
    world.stats["push"] += 1
    world.stats["pushed a delete that stays"] += content is None and device.keeps_deletes
    if world.fault():
        raise Crash
    yield
    if world.rng.random() < 0.5:
        _note_landed(device, batch, position)
    else:
        yield from _record_landed(device, key, Intent(batch, content), position, without)
    return True


def _note_landed(device: Device, batch: tuple[str, int], position: int) -> None:
    """One note for a batch that landed as a whole; `fold` writes it into the state later."""
    device.store.apply({("note", batch): position}, [])


def _record_landed(
    device: Device, key: int, pushed: Intent, position: int, without: frozenset[Safety]
) -> Generator[None, None, None]:
    record = Transaction(device.store)
    state: State = record.read(("state", key))
    yield
    if (state.intent and state.intent.batch == pushed.batch) or Safety.OWN_INTENT in without:
        landed = replace(state, intent=pushed).landed(position)
        record.write(("state", key), replace(landed, counter=state.counter + 1))
        record.commit()


def fold(device: Device, key: int) -> None:
    """Write a note into the state that it is about."""
    state = device.store.get(("state", key))
    position = device.store.get(("note", state.intent.batch)) if state and state.intent else None
    if position is not None:
        device.store.apply({("state", key): replace(state.landed(position), counter=state.counter + 1)}, [])


def _has_landed(world: World, intent: Intent) -> Generator[None, None, bool]:
    """Find out for certain whether a push landed; if it has not, it never will."""
    name = ("batch", intent.batch)
    there = Transaction(world.atlas)
    if there.read(name) is None:
        yield
        there.write(name, "cancelled")  # its unique `_id` keeps a late push out
        with suppress(WriteConflict):  # it was applied just now
            there.commit()
    yield
    world.stats["settled"] += 1
    return bool(world.atlas.get(name) == "landed")
