"""Collections that are made, dropped, renamed, and written by the server itself."""

from __future__ import annotations

from collections.abc import Iterable

from bson import Code

from tests.fuzz.bson_bytes import Element, Field, array, embedded, of, text
from tests.fuzz.draw import Draw
from tests.fuzz.index_operations import draw_validator
from tests.fuzz.operation import Operation, operation

ALL: Element = embedded([(b"$match", embedded([]))])
NOT_TEXT: Element = embedded([(b"$match", embedded([(b"u", text(b"\xff\xfe"))]))])

CLUSTERED: Element = embedded([(b"key", embedded([(b"_id", of(1))])), (b"unique", of(True))])


def create(draw: Draw) -> Operation:
    name = draw.collection()
    validator = [(b"validator", draw_validator(draw))] if draw.rng.random() < 0.5 else []
    clustered = [(b"clusteredIndex", CLUSTERED)] if draw.rng.random() < 0.1 else []
    return operation(draw.side(), "create", [name], [(b"create", text(name)), *validator, *clustered])


def create_refused(draw: Draw) -> Operation:
    """A kind of collection that is not synchronised."""
    name, source = draw.two()
    kind, options = draw.rng.choice(
        [
            ("capped", [(b"capped", of(True)), (b"size", of(4096))]),
            ("view", [(b"viewOn", text(source)), (b"pipeline", array([draw.rng.choice([ALL, NOT_TEXT])]))]),
            ("time series", [(b"timeseries", embedded([(b"timeField", text(b"at"))]))]),
            ("collation", [(b"collation", embedded([(b"locale", text(b"en")), (b"strength", of(1))]))]),
        ]
    )
    return operation(draw.side(), f"create {kind}", [name], [(b"create", text(name)), *options])


def drop(draw: Draw) -> Operation:
    name = draw.collection()
    return operation(draw.side(), "drop", [name], [(b"drop", text(name))])


def rename(draw: Draw) -> Operation:
    one, other = draw.two()
    over = draw.rng.random() < 0.5
    command = [(b"renameCollection", text(one)), (b"to", text(other)), (b"dropTarget", of(over))]
    return operation(draw.side(), "rename over" if over else "rename", [one, other], command)


def to_capped(draw: Draw) -> Operation:
    name = draw.collection()
    command = [(b"convertToCapped", text(name)), (b"size", of(1_000_000))]
    return operation(draw.side(), "convert to capped", [name], command)


def out(draw: Draw) -> Operation:
    source, target = draw.two()
    return operation(draw.side(), "$out", [source, target], _aggregate(source, [(b"$out", text(target))]))


def merge(draw: Draw) -> Operation:
    source, target = draw.two()
    matched = draw.rng.choice([b"replace", b"keepExisting", b"merge"])
    stage = embedded([(b"into", text(target)), (b"whenMatched", text(matched))])
    return operation(draw.side(), "$merge", [source, target], _aggregate(source, [(b"$merge", stage)]))


def out_many(draw: Draw) -> Operation:
    """One that takes its time: the server's temporary collection is there for longer."""
    source, target = draw.two()
    numbers = embedded([(b"k", embedded([(b"$range", array([of(0), of(30_000)]))]))])
    stages = [
        embedded([(b"$limit", of(1))]),
        embedded([(b"$project", numbers)]),
        embedded([(b"$unwind", text(b"$k"))]),
        embedded([(b"$project", embedded([(b"_id", text(b"$k"))]))]),
    ]
    command = _aggregate(source, [(b"$out", text(target))], stages)
    return operation(draw.side(), "$out many", [source, target], command)


def map_reduce(draw: Draw) -> Operation:
    source, target = draw.two()
    how = draw.rng.choice([b"replace", b"merge", b"reduce"])
    command = [
        (b"mapReduce", text(source)),
        (b"map", of(Code("function() { emit(this.u, 1) }"))),
        (b"reduce", of(Code("function(key, values) { return Array.sum(values) }"))),
        (b"out", embedded([(how, text(target))])),
    ]
    return operation(draw.side(), f"mapReduce {how.decode()}", [source, target], command)


def drop_database(draw: Draw) -> Operation:
    return operation(draw.side(), "dropDatabase", [], [(b"dropDatabase", of(1))])


def _aggregate(source: bytes, last: list[Field], stages: Iterable[Element] = (ALL,)) -> list[Field]:
    pipeline = array([*stages, embedded(last)])
    return [(b"aggregate", text(source)), (b"pipeline", pipeline), (b"cursor", embedded([]))]
