"""Devices and one Atlas, what happens to them by chance, and what must be true when nothing is left to do."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.model.databases import Content, Event, Store, Transaction
from tests.model.protocol import fold, reconcile
from tests.model.safeties import Safety
from tests.model.values import ATLAS, LOCAL, SIDES, Crash, Fact, Seen, State, Steps, Task

MOST_STEPS = 400_000
STOCK = 100  # of each counter, which both sides have agreed on at first
DELTAS = (-1, -1, -2, 3)


@dataclass
class Work:
    """A dirty key in the listener: the last change of each side, and what it holds back."""

    facts: dict[str, Fact] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)  # side → oldest log position that waits for it
    seen: Seen | None = None

    def note(self, side: str, position: int, fact: Fact | None, without: frozenset[Safety]) -> None:
        self.held.setdefault(side, position)
        known = self.facts.get(side)
        if fact and (Safety.LOG_ORDER not in without or known is None or fact.time > known.time):
            self.facts[side] = fact

    def absorb(self, newer: Work) -> None:
        for side in SIDES:
            if side in newer.held:
                self.held.setdefault(side, newer.held[side])
            if side in newer.facts:
                self.facts[side] = newer.facts[side]

    def waits(self, position: dict[str, int]) -> bool:
        return self.seen is not None and any(
            position[side] < self.seen.read_at[side] for side in self.seen.waits_for
        )


@dataclass
class Listener:
    """Reads both streams, keeps one map of dirty keys, hands a key to one task at a time."""

    position: dict[str, int]
    dirty: dict[int, Work] = field(default_factory=dict)
    busy: dict[int, tuple[int, Work]] = field(default_factory=dict)  # key → (task id, work)
    trusted: set[int] = field(default_factory=set)  # tasks that it handed out, and did not give up

    def watermark(self, side: str, without: frozenset[Safety]) -> int:
        works = [*self.dirty.values(), *(work for _, work in self.busy.values())]
        held = [work.held[side] for work in works if side in work.held]
        if Safety.HELD_UNTIL_DONE in without:
            held = []
        return min(held, default=self.position[side])

    def ready(self) -> list[int]:
        return [k for k, work in self.dirty.items() if k not in self.busy and not work.waits(self.position)]

    def put_back(self, key: int, work: Work) -> None:
        if newer := self.dirty.pop(key, None):
            work.absorb(newer)
        self.dirty[key] = work


@dataclass
class Device:
    name: str
    keeps_deletes: bool = False  # those that its applications make
    wants: int | None = None  # its filter: even contents, or odd ones; None: all
    counts: bool = False  # contents are numbers whose changes add up (counters.py)
    store: Store = field(default_factory=Store)
    saved: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))  # resume tokens
    listener: Listener = field(default_factory=lambda: Listener(dict.fromkeys(SIDES, 0)))
    tasks: dict[int, tuple[int, Steps]] = field(default_factory=dict)  # task id → key, what is left of it

    def holds(self, content: Content) -> bool:
        """May this content be here?"""
        return content is None or self.wants is None or content % 2 == self.wants

    def state(self, key: int, reader: Store | Transaction | None = None) -> State:
        """As it is read: an open push of which a note says that it landed has."""
        read: Callable[[Any], Any] = reader.read if isinstance(reader, Transaction) else self.store.get
        state: State = read(("state", key)) or State()
        position = read(("note", state.intent.batch)) if state.intent else None
        return state if position is None else state.landed(position)


@dataclass
class Chances:
    """How often what goes wrong does. `stale`: of reads of Atlas, by a primary that was deposed."""

    faults: float = 0.1
    stale: float = 0.1
    deletes: float = 0.2
    on_atlas: float = 0.25


@dataclass
class World:
    rng: random.Random
    devices: list[Device]
    chances: Chances
    without: frozenset[Safety]
    atlas: Store = field(default_factory=Store)
    now: int = 0
    ids: int = 0
    written: dict[int, int] = field(default_factory=dict)  # content → time
    replaced: set[Content] = field(default_factory=set)  # contents that a native writer saw and replaced
    totals: Counter[int] = field(default_factory=Counter)  # of counters: what all native writes add up to
    conflicts: list[tuple[int, Content, Content]] = field(default_factory=list)  # (key, winner, loser)
    stats: Counter[str] = field(default_factory=Counter)

    def new_id(self) -> int:
        self.ids += 1
        return self.ids

    def fault(self) -> bool:
        return self.rng.random() < self.chances.faults

    def judges_outside(self) -> bool:
        """Does the strategy need documents?"""
        return self.rng.random() < 0.5

    def log(self, device: Device, side: str) -> list[Event]:
        return device.store.log if side == LOCAL else self.atlas.log

    def read_atlas(self, key: int, least: int) -> tuple[Content, int]:
        """What a primary answers, that has heard of everything before the position `least`."""
        if self.rng.random() < self.chances.stale:
            position, data = self.rng.choice([old for old in self.atlas.past if old[0] >= least])
            return data.get(key), position
        return self.atlas.get(key), self.atlas.position

    def lost(self, key: int, winner: Content, loser: Content) -> None:
        if Safety.RECORDED not in self.without:
            self.conflicts.append((key, winner, loser))
        self.stats["conflict"] += 1


def read_event(world: World, device: Device, side: str) -> None:
    listener, log = device.listener, world.log(device, side)
    position = listener.position[side]
    event = log[position]
    listener.position[side] = position + 1
    if isinstance(event.batch, tuple) and event.batch[0] == "pull":
        if device.wants is None or event.batch[1] in listener.trusted:
            return
        if Safety.LOOKED_AT_AGAIN not in world.without:
            listener.dirty.setdefault(event.key, Work()).note(side, position, None, world.without)
        return
    if event.batch and device.store.get(("batch", event.batch)):
        return  # an echo of a write that this database remembers as its own
    fact = Fact(position + 1, event.time, event.origin) if event.time is not None else None
    listener.dirty.setdefault(event.key, Work()).note(side, position, fact, world.without)


def hand_out(world: World, device: Device) -> None:
    listener = device.listener
    key = world.rng.choice(listener.ready())
    work = listener.dirty.pop(key)
    task_id = world.new_id()
    listener.busy[key] = (task_id, work)
    listener.trusted.add(task_id)
    task = Task(key, dict(work.facts), work.seen, dict(listener.position), task_id)
    device.tasks[task_id] = key, reconcile(world, device, task)


def step_task(world: World, device: Device) -> None:
    task_id = world.rng.choice(list(device.tasks))
    key, steps = device.tasks[task_id]
    try:
        next(steps)
        return
    except StopIteration as end:
        outcome: Seen | None = end.value
    except Crash:
        world.stats["crash"] += 1
        del device.tasks[task_id]
        return
    del device.tasks[task_id]
    if world.fault():
        world.stats["report lost"] += 1
        return
    listener = device.listener
    known = listener.busy.get(key)
    if known is None or (known[0] != task_id and Safety.LATE_REPORTS not in world.without):
        return  # of a task that was given up, or of an earlier listener
    del listener.busy[key]
    if outcome is not None:
        known[1].seen = outcome
        listener.put_back(key, known[1])


def give_up_on_task(world: World, device: Device) -> None:
    """The listener takes a task for lost and asks again; the task may be alive all the same."""
    key = world.rng.choice(list(device.listener.busy))
    task_id, work = device.listener.busy.pop(key)
    device.listener.trusted.discard(task_id)
    world.stats["given up, alive" if task_id in device.tasks else "given up"] += 1
    device.listener.put_back(key, work)


def restart_listener(world: World, device: Device) -> None:
    world.stats["listener restarted"] += 1
    device.listener = Listener(dict(device.saved))


def save_tokens(world: World, device: Device) -> None:
    device.saved = {side: device.listener.watermark(side, world.without) for side in SIDES}


def ask_to_look(world: World, device: Device, keys: int) -> None:
    """A comparison run, or a person: no event stands for it."""
    device.listener.dirty.setdefault(world.rng.randrange(keys), Work())


def stock_up(world: World, keys: int) -> None:
    for key in range(keys):
        world.totals[key] = world.atlas.data[key] = STOCK
        for device in world.devices:
            device.counts = True
            device.store.data |= {
                ("doc", key): STOCK,
                ("state", key): State(STOCK, STOCK),
                ("bases", key): (STOCK,),
            }
    world.atlas.past = [(0, dict(world.atlas.data))]


def native_write(world: World, keys: int) -> None:
    rng = world.rng
    world.now += 1
    on_atlas = rng.random() < world.chances.on_atlas
    device = rng.choice(world.devices)
    store, origin = (world.atlas, ATLAS) if on_atlas else (device.store, device.name)
    key = rng.randrange(keys)
    name = key if on_atlas else ("doc", key)
    content: Content = None
    if device.counts:
        delta = rng.choice(DELTAS)
        world.totals[key] += delta
        content = store.get(name) + delta
    elif rng.random() < world.chances.deletes:
        if store.get(name) is None:
            return
    else:
        content = world.new_id()
        world.written[content] = world.now
    world.replaced.add(store.get(name))
    store.native_write(name, content, Event(key, world.now, origin))


def run(
    seed: int,
    without: frozenset[Safety] = frozenset(),
    *,
    devices: int = 3,
    keys: int = 2,
    writes: int = 40,
    chances: Chances | None = None,
    keeps_deletes: bool = False,
    filters: bool = False,
    counts: bool = False,
) -> World:
    """One schedule, until nothing is left to do. `keeps_deletes`: of the first device.
    `filters`: the first two devices hold even contents only, and odd ones. `counts`: contents are counters. Raises AssertionError if it has no end."""
    rng = random.Random(seed)
    chances = chances or Chances()
    all_devices = [Device(f"d{number}", keeps_deletes and not number) for number in range(devices)]
    for wants, device in enumerate(all_devices[:2] if filters else ()):
        device.wants = wants
    world = World(rng, all_devices, chances, without)
    if counts:
        stock_up(world, keys)
    for _ in range(MOST_STEPS):
        choices = list(_choices(world, keys, writes))
        if not choices:
            return world
        ((act, arguments),) = rng.choices([what for _, *what in choices], [weight for weight, *_ in choices])
        writes -= act is native_write
        act(world, *arguments)
    raise AssertionError(f"seed {seed}: no end")


def _choices(
    world: World, keys: int, writes: int
) -> Iterator[tuple[float, Callable[..., None], tuple[Any, ...]]]:
    """(weight, what may happen now, its arguments)."""
    if writes:
        yield 2, native_write, (keys,)
    for device in world.devices:
        listener = device.listener
        for side in SIDES:
            if listener.position[side] < len(world.log(device, side)):
                yield 2, read_event, (device, side)
        if listener.ready():
            yield 3, hand_out, (device,)
        if device.tasks:
            yield 8, step_task, (device,)
        if listener.busy and (world.fault() or not device.tasks):
            yield 1, give_up_on_task, (device,)
        if writes and world.chances.faults:
            yield 0.2, save_tokens, (device,)
            yield world.chances.faults / 2, restart_listener, (device,)
            yield world.chances.faults, lambda _, one: fold(one, world.rng.randrange(keys)), (device,)
            yield world.chances.faults, ask_to_look, (device, keys)


def _differs(world: World, device: Device, key: int) -> bool:
    here, there, state = device.store.get(("doc", key)), world.atlas.get(key), device.state(key)
    if not device.holds(there):
        return here is not None
    by_rule = device.keeps_deletes and here is None and (state.local, state.atlas) == (None, there)
    return bool(here != there and not by_rule)


def faults_found(world: World, keys: int = 2) -> list[str]:
    """What must not be: sides that differ, a version that is gone without a trace, an older version that won; a counter that is not
    what all changes add up to."""
    found = []
    for key in range(keys):
        held = [world.atlas.get(key), *(device.store.get(("doc", key)) for device in world.devices)]
        if any(_differs(world, device, key) for device in world.devices):
            found.append(f"key {key} differs: {held}")
    if world.stats["pushed a delete that stays"]:
        found.append("a delete that stays was transferred")
    return found + (_wrong_counters(world) if world.totals else _lost_versions(world, keys))


def _wrong_counters(world: World) -> list[str]:
    held = {key: world.atlas.get(key) for key in world.totals}
    return [
        f"counter {key} is {held[key]}, not {total}"
        for key, total in world.totals.items()
        if held[key] != total
    ]


def _lost_versions(world: World, keys: int) -> list[str]:
    kept = {world.atlas.get(key) for key in range(keys)} | world.replaced
    kept |= {loser for _, _, loser in world.conflicts}
    found = [f"{content} is lost" for content in world.written if content not in kept]
    found += [
        f"the older {winner} won over {loser}"
        for _, winner, loser in world.conflicts
        if winner is not None and loser is not None and world.written[winner] < world.written[loser]
    ]
    return found
