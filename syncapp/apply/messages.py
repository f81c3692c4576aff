"""The messages between listener and workers: keys and facts, never documents."""

from __future__ import annotations

import itertools
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson

from syncapp.core.content import document_key, split_documents
from syncapp.core.scratch import is_scratch
from syncapp.core.values import (
    BOTH,
    Batch,
    Ending,
    Fact,
    Operation,
    Outcome,
    Seen,
    Side,
    WorkItem,
)

_ENDINGS = tuple(Ending)  # one byte each in a report
_OPERATIONS = tuple(Operation)
_FACT = struct.Struct("<QqBH")  # position, time, operation, origin
_UNKNOWN_TIME = -(1 << 63)
_TO_THE_SECOND = 64  # added to an operation
_NONE = 255  # for an operation: no fact of this side
_NO_FACT = _FACT.pack(0, 0, _NONE, 0)


def encode_batch(batch: Batch) -> dict[str, Any]:
    """A batch as BSON values. Keys and facts are packed: a list for each would cost ten times as
    much. `_id`s stay BSON, so that no type is lost."""
    origins: dict[str, int] = {}
    return {
        "task": batch.task_id,
        "side": batch.side.value,
        "collection": batch.collection,
        "keys": b"".join(item.key.id_bson for item in batch.items),
        "facts": [_pack_facts(batch.items, side, origins) for side in BOTH],
        "origins": list(origins),
        "seen": [[place, _encode_seen(item.seen)] for place, item in enumerate(batch.items) if item.seen],
        "attempts": [item.attempts for item in batch.items] if any(i.attempts for i in batch.items) else [],
        "losses": [item.losses for item in batch.items] if any(i.losses for i in batch.items) else [],
        "read_to": _by_side(batch.read_to),
        "hurry": batch.hurry,
        "gathered": batch.gathered,
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
        items=tuple(_decode_items(message)),
        read_to=_sides(message["read_to"]),
        hurry=message["hurry"],
        gathered=message["gathered"],
        halted=frozenset(Side(side) for side in message["halted"]),
        rules_version=message["rules"],
        device=message["device"],
        reply_to=message["reply_to"],
    )


def _decode_items(message: Mapping[str, Any]) -> Iterator[WorkItem]:
    ids = split_documents(message["keys"])
    local, atlas = (_unpack_facts(packed, message["origins"]) for packed in message["facts"])
    seen = {place: _decode_seen(one) for place, one in message["seen"]}
    attempts = message["attempts"] or itertools.repeat(0)
    losses = message.get("losses") or itertools.repeat(0)
    packed = zip(ids, local, atlas, attempts, losses, strict=False)
    for place, (id_bson, here, there, tried, lost) in enumerate(packed):
        facts = {}
        if here is not None:
            facts[Side.LOCAL] = here
        if there is not None:
            facts[Side.ATLAS] = there
        yield WorkItem(document_key(message["collection"], id_bson), facts, seen.get(place), tried, lost)


def _pack_facts(items: Iterable[WorkItem], side: Side, origins: dict[str, int]) -> bytes:
    """One record per key; `origins` is filled with what the records refer to."""
    packed = []
    for item in items:
        fact = item.facts.get(side)
        if fact is None:
            packed.append(_NO_FACT)
        else:
            time = _UNKNOWN_TIME if fact.time is None else fact.time
            origin = origins.setdefault(fact.origin, len(origins))
            operation = _OPERATIONS.index(fact.operation) + (0 if fact.exact else _TO_THE_SECOND)
            packed.append(_FACT.pack(fact.position, time, operation, origin))
    return b"".join(packed)


def _unpack_facts(packed: bytes, origins: Sequence[str]) -> Iterator[Fact | None]:
    for position, time, operation, origin in _FACT.iter_unpack(packed):
        if operation == _NONE:
            yield None
        else:
            known = None if time == _UNKNOWN_TIME else time
            exact = operation < _TO_THE_SECOND
            yield Fact(position, known, origins[origin], _OPERATIONS[operation % _TO_THE_SECOND], exact)


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
    """A worker's report on a task. Without endings it is only a keep-alive."""

    task_id: str
    side: Side
    endings: tuple[Ending, ...] = ()  # of the batch's keys, in their order
    seen: dict[int, Seen] = field(default_factory=dict)  # place in the batch → what was read
    moved: frozenset[int] = frozenset()  # places of the keys that were transferred
    counts: dict[str, int] = field(default_factory=dict)  # e.g. "local insert": 3, "conflicts": 1
    took_ms: float = 0.0
    silent_ms: int = 0  # no further report before this time has passed (delay before a retry)
    rules_version: int = 0  # by which it was decided
    worker: str = ""  # the reporting process
    error: str = ""  # why keys have to be retried
    # `_id`s (BSON of {_id: …}) of other keys that these depend on, to be dispatched with them
    partners: tuple[tuple[bytes, Seen | None], ...] = ()
    refused: bool = False  # the collection cannot be synchronised
    collection: str = ""  # of the batch's keys; empty: a keep-alive
    redelivered: bool = False  # the task was not worked on: whoever had it before did not end it

    @classmethod
    def of(
        cls, batch: Batch, outcomes: list[Outcome], took_ms: float, rules_version: int = 0, error: str = ""
    ) -> Report:
        # Most outcomes of a batch are alike: each kind is named once
        kinds = Counter(
            (one.ending, one.transfer, one.operation, one.conflict, one.merged, one.held) for one in outcomes
        )
        counts: Counter[str] = Counter()
        for kind, number in kinds.items():
            counts.update(dict.fromkeys(_names(*kind, batch.side), number))
        if is_scratch(batch.collection):
            counts = _without_failures(counts)
        by_key = {one.key: one for one in outcomes}
        ends = [by_key.pop(item.key) for item in batch.items]
        return cls(
            batch.task_id,
            batch.side,
            tuple(one.ending for one in ends),
            {place: one.seen for place, one in enumerate(ends) if one.seen},
            frozenset(place for place, one in enumerate(ends) if one.ending is Ending.DONE and one.transfer),
            counts,
            took_ms,
            rules_version=rules_version,
            error=error,
            partners=tuple(
                (key.id_bson, one.seen) for key, one in by_key.items() if one.ending is Ending.GATHER
            ),
            collection=batch.collection,
        )


def _without_failures(counts: Counter[str]) -> Counter[str]:
    """The self-test has documents rejected on purpose: health must not report them for an hour."""
    kept: Counter[str] = Counter()
    for name, number in counts.items():
        kept[name.replace(" failed", " skipped")] += number
    return kept


def _names(
    ending: Ending,
    transfer: Side | None,
    operation: Operation | None,
    conflict: bool,
    merged: bool,
    held: bool,
    side: Side,
) -> list[str]:
    """What an outcome counts as: "<side that is written> <operation>", "… failed" or "… skipped". What is held
    for an operator is none of these: it counts when it is transferred."""
    names = [name for name, true in (("conflicts", conflict), ("merged", merged)) if true]
    target = transfer or side.other
    if ending is Ending.DONE and not held:
        names.append(f"{target} {operation or 'skipped'}")
    elif ending is Ending.REJECTED:
        names.append(f"{target} failed")
    return names


def encode_report(report: Report) -> bytes:
    return bson.encode(
        {
            "task": report.task_id,
            "side": report.side.value,
            "endings": bytes(_ENDINGS.index(ending) for ending in report.endings),
            "seen": [[place, _encode_seen(seen)] for place, seen in report.seen.items()],
            "moved": bytes(place in report.moved for place in range(len(report.endings))),
            "counts": report.counts,
            "took_ms": report.took_ms,
            "silent_ms": report.silent_ms,
            "rules": report.rules_version,
            "worker": report.worker,
            "error": report.error,
            "partners": [[id_bson, _encode_seen(seen)] for id_bson, seen in report.partners],
            "refused": report.refused,
            "collection": report.collection,
            "redelivered": report.redelivered,
        }
    )


def decode_report(data: bytes) -> Report:
    message = bson.decode(data)
    seen = {place: _decode_seen(found) for place, found in message["seen"]}
    return Report(
        message["task"],
        Side(message["side"]),
        tuple(_ENDINGS[code] for code in message["endings"]),
        {place: found for place, found in seen.items() if found},
        frozenset(place for place, moved in enumerate(message["moved"]) if moved),
        message["counts"],
        message["took_ms"],
        message["silent_ms"],
        message["rules"],
        message["worker"],
        message.get("error", ""),
        tuple((id_bson, _decode_seen(seen)) for id_bson, seen in message.get("partners", ())),
        message.get("refused", False),
        message.get("collection", ""),
        message.get("redelivered", False),
    )
