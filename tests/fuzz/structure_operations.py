"""Collections that are made, dropped, renamed, and written by the server itself."""

from __future__ import annotations

from tests.fuzz.bson_bytes import Element, Field, array, embedded, of, text
from tests.fuzz.draw import Draw
from tests.fuzz.index_operations import draw_validator
from tests.fuzz.operation import Operation, operation

ALL: Element = embedded([(b"$match", embedded([]))])
NOT_TEXT: Element = embedded([(b"$match", embedded([(b"u", text(b"\xff\xfe"))]))])


def create(draw: Draw) -> Operation:
    name = draw.collection()
    validator = [(b"validator", draw_validator(draw))] if draw.rng.random() < 0.5 else []
    return operation(draw.side(), "create", [name], [(b"create", text(name)), *validator])


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


def drop_database(draw: Draw) -> Operation:
    return operation(draw.side(), "dropDatabase", [], [(b"dropDatabase", of(1))])


def _aggregate(source: bytes, last: list[Field]) -> list[Field]:
    pipeline = array([ALL, embedded(last)])
    return [(b"aggregate", text(source)), (b"pipeline", pipeline), (b"cursor", embedded([]))]
