"""Indexes and validators, which refuse on one side what the other side took."""

from __future__ import annotations

from tests.fuzz.bson_bytes import Element, Field, array, date, embedded, of, text
from tests.fuzz.draw import Draw
from tests.fuzz.operation import Operation, operation

YEAR_2100 = 4_102_444_800_000
_UP = of(1)
UNIQUE = (b"unique", of(True))
# Keys and options; each is tried on whatever the collection holds
INDEXES: tuple[tuple[bytes, list[Field]], ...] = (
    (b"unique", [(b"key", embedded([(b"u", _UP)])), UNIQUE]),
    (b"unique_pair", [(b"key", embedded([(b"u", _UP), (b"n", of(-1))])), UNIQUE]),
    (b"unique_sparse", [(b"key", embedded([(b"u", _UP)])), UNIQUE, (b"sparse", of(True))]),
    (
        b"unique_partial",
        [(b"key", embedded([(b"u", _UP)])), UNIQUE,
         (b"partialFilterExpression", embedded([(b"n", embedded([(b"$gt", of(0))]))]))],
    ),
    (
        b"unique_collation",
        [(b"key", embedded([(b"u", _UP)])), UNIQUE,
         (b"collation", embedded([(b"locale", text(b"en")), (b"strength", of(2))]))],
    ),
    (b"unique_tags", [(b"key", embedded([(b"tags", _UP)])), UNIQUE, (b"sparse", of(True))]),
    (b"unique_date", [(b"key", embedded([(b"at", _UP)])), UNIQUE, (b"sparse", of(True))]),
    # A description of it that no driver decodes
    (
        b"partial_not_text",
        [(b"key", embedded([(b"n", _UP)])),
         (b"partialFilterExpression", embedded([(b"u", embedded([(b"$gt", text(b"\xff\xfe"))]))]))],
    ),
    (b"parallel", [(b"key", embedded([(b"tags", _UP), (b"more", _UP)]))]),
    (b"ttl", [(b"key", embedded([(b"at", _UP)])), (b"expireAfterSeconds", of(0))]),
    (b"ttl_later", [(b"key", embedded([(b"at", _UP)])), (b"expireAfterSeconds", of(2))]),
    (b"hashed", [(b"key", embedded([(b"u", text(b"hashed"))]))]),
    (b"text", [(b"key", embedded([(b"u", text(b"text"))]))]),
    (b"sphere", [(b"key", embedded([(b"n", text(b"2dsphere"))]))]),
    (b"wildcard", [(b"key", embedded([(b"$**", _UP)]))]),
)  # fmt: skip
VALIDATORS: tuple[list[Field], ...] = (
    [(b"n", embedded([(b"$type", text(b"int"))]))],
    [(b"at", embedded([(b"$lt", date(YEAR_2100))]))],
    [(b"$jsonSchema", embedded([(b"required", array([text(b"n")]))]))],
    [(b"u", embedded([(b"$nin", array([text(b"b"), text(b"\xff\xfe\x80a"), of(1)]))]))],
    # An error, not a refusal, for what is no text
    [(b"$expr", embedded([(b"$lt", array([embedded([(b"$strLenBytes", text(b"$u"))]), of(3)]))]))],
    [],
)


def create_index(draw: Draw) -> Operation:
    name = draw.collection()
    index_name, spec = draw.rng.choice(INDEXES)
    index = embedded([*spec, (b"name", text(index_name))])
    command = [(b"createIndexes", text(name)), (b"indexes", array([index]))]
    return operation(draw.side(), f"index {index_name.decode()}", [name], command)


def drop_indexes(draw: Draw) -> Operation:
    name = draw.collection()
    return operation(
        draw.side(), "drop indexes", [name], [(b"dropIndexes", text(name)), (b"index", text(b"*"))]
    )


def validator(draw: Draw) -> Operation:
    """Of a collection that is there."""
    name = draw.collection()
    level = draw.rng.choice([b"strict", b"moderate"])
    rule = draw_validator(draw)
    command = [(b"collMod", text(name)), (b"validator", rule), (b"validationLevel", text(level))]
    return operation(draw.side(), "validator", [name], command)


def draw_validator(draw: Draw) -> Element:
    return embedded(draw.rng.choice(VALIDATORS))
