"""Documents with values of every kind of unique index, applications that move these between them, and a device that works
on that in batches of any size, with tasks that interfere with each other and workers that die."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import bson
from bson import Decimal128, Int64
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from syncapp.core.rule.policy import Policy
from syncapp.core.values import DocumentKey, Outcome, Side
from tests.property.world import Device, World

POLICY = Policy()
COUNT = 9  # documents of an example, beside those that are not in the index
Make = Callable[[int, int], dict[str, Any]]
COLLATION = {"locale": "en", "strength": 2}
NUMBERS = [int, float, Int64, lambda value: Decimal128(str(value))]


def _cased(number: int, value: int) -> dict[str, Any]:
    """Each document writes its value in its own way."""
    text = f"value {value}"
    return {"u": "".join(c.upper() if (number + place) % 3 == 0 else c for place, c in enumerate(text))}


# Unique indexes, and the document `number` with the value `value`
KINDS: dict[str, tuple[list[tuple[Any, dict[str, Any]]], Make]] = {
    "plain": ([("u", {})], lambda number, value: {"u": value}),
    "compound": ([([("t", 1), ("n.u", -1)], {})], lambda number, value: {"t": value % 3, "n": {"u": value}}),
    "nested": ([("n.m.u", {})], lambda number, value: {"n": {"m": {"u": f"{value}"}}}),
    "sparse": ([("u", {"sparse": True})], lambda number, value: {"u": value} if value else {}),
    "null": ([("n.u", {})], lambda number, value: {"n": {"u": value} if value else [number]}),
    "partial": (
        [("u", {"partialFilterExpression": {"live": True}})],
        lambda number, value: {"u": value // 2, "live": value % 2 == 0},
    ),
    "collation": ([("u", {"collation": COLLATION})], _cased),
    "multikey": ([("u", {})], lambda number, value: {"u": [value, f"{value}"] if value % 2 else value}),
    "in arrays": (
        [([("a.u", 1), ("a.t", 1)], {})],
        lambda number, value: {"a": [{"u": value, "t": 1}, {"u": value, "t": 2}, {}][: 2 + (value == 0)]},
    ),
    "several": (
        [("u", {}), ([("t", 1), ("v", 1)], {}), ("w", {"collation": COLLATION})],
        lambda number, value: {"u": value, "t": 1, "v": (value + number // 3) % 40 + 100 * number, "w": f"W{value}"},
    ),
    "numbers": ([("u", {})], lambda number, value: {"u": NUMBERS[number % 4](value)}),
}  # fmt: skip


def broken_text(number: int, value: int) -> bytes:
    """{_id: …, u: a string that is not UTF-8}."""
    text = bytes([0xFF, 0xFE, 0x80 + value])
    element = b"\x02u\0" + (len(text) + 1).to_bytes(4, "little") + text + b"\0"
    head = bson.encode({"_id": number})
    return (len(head) + len(element)).to_bytes(4, "little") + head[4:-1] + element + b"\0"


def documents(kind: str, order: list[int], version: int) -> list[RawBSONDocument]:
    if kind == "not UTF-8":
        return [RawBSONDocument(broken_text(*one)) for one in enumerate(order)]
    make = KINDS[kind][1]
    return [
        RawBSONDocument(bson.encode({"_id": number, **make(number, value), "version": version}))
        for number, value in enumerate(order)
    ]


def begin(world: World, kind: str, count: int) -> None:
    world.atlas[world.collection].insert_many(documents(kind, list(range(count)), 1))
    world.settle()
    for database in (world.devices[0].local, world.atlas):
        for keys, options in KINDS.get(kind, ([("u", {})], None))[0]:
            database[world.collection].create_index(keys, unique=True, **options)


def assign(
    database: Database[Any], collection: str, changed: list[RawBSONDocument], ids: Sequence[int] = ()
) -> None:
    """All at one moment, as an application does it that cares for its values."""
    with database.client.start_session() as session, session.start_transaction():
        numbers = list(
            ids or range(len(changed))
        )  # of these documents, which Python may not be able to decode
        database[collection].delete_many({"_id": {"$in": numbers}}, session=session)
        database[collection].insert_many(changed, session=session)


def read(device: Device) -> None:
    for side in Side:
        while device.read(side):
            pass


def work(
    device: Device, limit: int, rng: random.Random | None = None, policy: Policy = POLICY
) -> list[Outcome]:
    """Until nothing is ready. With `rng` up to three tasks at a time, in turns, of which some die."""
    outcomes: dict[DocumentKey, Outcome] = {}
    for _ in range(200):
        read(device)
        while len(device.tasks) < (3 if rng else 1) and device.hand_out(policy, limit):
            pass
        if not device.tasks:
            break
        while rng and len(device.tasks) > 1 and not device.tasks[0][1].ended:
            _step(device, rng)
        task = device.tasks[0][1]
        task.finish()
        outcomes |= {one.key: one for one in task.outcomes or ()}
        died = task.outcomes is None
        device.end_task(0, report=True)
        if died:
            device.dirty.give_up([task.batch.task_id])
    return list(outcomes.values())


def _step(device: Device, rng: random.Random) -> None:
    task = rng.choice([task for _, task in device.tasks])
    if task.ended:
        device.tasks.sort(key=lambda one: one[1] is not task)
    elif rng.random() < 0.03:
        task.crash(holding=False)
    else:
        task.step()
