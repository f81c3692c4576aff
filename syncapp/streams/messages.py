"""What travels between listener and workers: keys and facts, never documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bson

from syncapp.engine.content import document_key
from syncapp.engine.values import (
    BOTH,
    Batch,
    DocumentKey,
    Ending,
    Fact,
    Operation,
    Outcome,
    Seen,
    Side,
    WorkItem,
)


def encode_batch(batch: Batch) -> dict[str, Any]:
    """A batch as values that BSON knows. `_id`s stay bytes, so that no type is lost on the way."""
    return {
        "task": batch.task_id,
        "side": batch.side.value,
        "collection": batch.collection,
        "items": [_encode_item(item) for item in batch.items],
        "read_to": _by_side(batch.read_to),
        "hurry": batch.hurry,
        "halted": [side.value for side in batch.halted],
        "rules": batch.rules_version,
        "device": batch.device,
        "reply_to": batch.reply_to,
    }


def decode_batch(message: Mapping[str, Any]) -> Batch:
    return Batch(
        task_id=message["task"],
        side=Side(message["side"]),
        collection=message["collection"],
        items=tuple(_decode_item(message["collection"], item) for item in message["items"]),
        read_to=_sides(message["read_to"]),
        hurry=message["hurry"],
        halted=frozenset(Side(side) for side in message.get("halted", ())),
        rules_version=message["rules"],
        device=message.get("device", ""),
        reply_to=message["reply_to"],
    )


def _encode_item(item: WorkItem) -> list[Any]:
    facts = [_encode_fact(item.facts.get(side)) for side in BOTH]
    return [item.key.id_bson, *facts, _encode_seen(item.seen), item.attempts]


def _decode_item(collection: str, item: list[Any]) -> WorkItem:
    id_bson, local, atlas, seen, attempts = item
    facts = {side: _decode_fact(fact) for side, fact in zip(BOTH, (local, atlas), strict=True) if fact}
    return WorkItem(document_key(collection, id_bson), facts, _decode_seen(seen), attempts)


def _encode_fact(fact: Fact | None) -> list[Any] | None:
    return None if fact is None else [fact.position, fact.time, fact.origin, fact.operation.value]


def _decode_fact(fact: list[Any]) -> Fact:
    return Fact(fact[0], fact[1], fact[2], Operation(fact[3]))


def _encode_seen(seen: Seen | None) -> list[Any] | None:
    if seen is None:
        return None
    waits_for = [side.value for side in seen.waits_for]
    return [_by_side(seen.contents), _by_side(seen.read_at), seen.counter, waits_for]


def _decode_seen(seen: list[Any] | None) -> Seen | None:
    if seen is None:
        return None
    contents, read_at, counter, waits_for = seen
    return Seen(_sides(contents), _sides(read_at), counter, tuple(Side(side) for side in waits_for))


def _by_side(values: Mapping[Side, Any]) -> list[Any]:
    return [values[side] for side in BOTH]


def _sides(values: list[Any]) -> dict[Side, Any]:
    return dict(zip(BOTH, values, strict=True))


@dataclass(slots=True)
class Report:
    """What a worker tells the listener about a task. Without outcomes it is only a sign of life."""

    task_id: str
    side: Side
    endings: dict[DocumentKey, tuple[Ending, Seen | None]] = field(default_factory=dict)
    moved: frozenset[DocumentKey] = frozenset()  # those of them that were transferred
    counts: dict[str, int] = field(default_factory=dict)  # e.g. "local insert": 3, "conflicts": 1
    took_ms: float = 0.0
    silent_ms: int = 0  # the worker will not speak before this time has passed (it waits to retry)

    @classmethod
    def of(cls, batch: Batch, outcomes: list[Outcome], took_ms: float) -> Report:
        counts: dict[str, int] = {}
        for outcome in outcomes:
            for name in _names(outcome, batch.side):
                counts[name] = counts.get(name, 0) + 1
        endings = {one.key: (one.ending, one.seen) for one in outcomes}
        moved = frozenset(one.key for one in outcomes if one.ending is Ending.DONE and one.transfer)
        return cls(batch.task_id, batch.side, endings, moved, counts, took_ms)


def _names(outcome: Outcome, side: Side) -> list[str]:
    """What an outcome counts as: "<side that is written> <operation>", "… failed" or "… skipped"."""
    names = ["conflicts"] if outcome.conflict else []
    target = outcome.transfer or side.other
    if outcome.ending is Ending.DONE:
        names.append(f"{target} {outcome.operation or 'skipped'}")
    elif outcome.ending is Ending.REJECTED:
        names.append(f"{target} failed")
    return names


def encode_report(report: Report) -> bytes:
    # Most keys are done: only the others are named
    done = [
        key.id_bson
        for key, (ending, _) in report.endings.items()
        if ending is Ending.DONE and key not in report.moved
    ]
    others = [
        [key.id_bson, ending.value, _encode_seen(seen)]
        for key, (ending, seen) in report.endings.items()
        if ending is not Ending.DONE
    ]
    collection = next((key.collection for key in report.endings), "")
    return bson.encode(
        {
            "task": report.task_id,
            "side": report.side.value,
            "collection": collection,
            "done": done,
            "moved": [key.id_bson for key in report.moved],
            "others": others,
            "counts": report.counts,
            "took_ms": report.took_ms,
            "silent_ms": report.silent_ms,
        }
    )


def decode_report(data: bytes) -> Report:
    message = bson.decode(data)
    collection = message["collection"]
    moved = frozenset(document_key(collection, one) for one in message.get("moved", ()))
    endings: dict[DocumentKey, tuple[Ending, Seen | None]] = dict.fromkeys(moved, (Ending.DONE, None))
    for one in message["done"]:
        endings[document_key(collection, one)] = (Ending.DONE, None)
    for id_bson, ending, seen in message["others"]:
        endings[document_key(collection, id_bson)] = (Ending(ending), _decode_seen(seen))
    return Report(
        message["task"],
        Side(message["side"]),
        endings,
        moved,
        message["counts"],
        message["took_ms"],
        message["silent_ms"],
    )
