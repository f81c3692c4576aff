"""What applications do with documents."""

from __future__ import annotations

from tests.fuzz import values
from tests.fuzz.bson_bytes import Element, Field, array, embedded, of, raw, text, whole
from tests.fuzz.draw import Draw
from tests.fuzz.operation import Operation, operation


def insert(draw: Draw) -> Operation:
    name = draw.collection()
    documents = [draw.document(name) for _ in range(draw.rng.choice([1, 1, 2, 5]))]
    return operation(draw.side(), f"insert {len(documents)}", [name], insertion(name, documents))


def import_many(draw: Draw) -> Operation:
    """Good ones with a few odd ones between them."""
    name, count = draw.collection(), draw.rng.choice([20, 100, 400])
    first = draw.rng.randrange(1_000)
    documents = [draw.good(first + number) for number in range(count)]
    for _ in range(draw.rng.randrange(4)):
        documents.insert(draw.rng.randrange(len(documents)), draw.document(name))
    return operation(draw.side(), f"import {len(documents)}", [name], insertion(name, documents))


def replace(draw: Draw) -> Operation:
    name = draw.collection()
    # A replacement's first field must not look like an operator
    body = embedded([(b"r", of(draw.rng.randrange(9))), *draw.fields()])
    upsert = draw.rng.random() < 0.3
    change = embedded([(b"q", draw.filter(name)), (b"u", body), (b"upsert", of(upsert))])
    return operation(draw.side(), "replace", [name], _update(name, change))


def update(draw: Draw) -> Operation:
    name, rng = draw.collection(), draw.rng
    field, new = rng.choice([b"u", b"n", b"tags", b"v", b"at", b"deep.er", b"tags.0"]), values.value(rng)
    operator = rng.choice([b"$set", b"$set", b"$set", b"$unset", b"$push", b"$inc", b"$rename"])
    if operator == b"$rename":
        new = text(b"renamed")
    change = [(b"q", draw.filter(name)), (b"u", embedded([(operator, embedded([(field, new)]))]))]
    if rng.random() < 0.1:
        change[0] = (b"q", embedded([]))
        change.append((b"multi", of(True)))
    return operation(draw.side(), f"update {operator.decode()}", [name], _update(name, embedded(change)))


def delete(draw: Draw) -> Operation:
    name = draw.collection()
    everything = draw.rng.random() < 0.08
    query = embedded([]) if everything else draw.filter(name)
    change = embedded([(b"q", query), (b"limit", of(0))])
    what = "delete all" if everything else "delete"
    return operation(draw.side(), what, [name], [(b"delete", text(name)), (b"deletes", array([change]))])


def swap_unique(draw: Draw) -> Operation:
    """Two documents exchange what a unique index may hold, in a transaction."""
    name = draw.collection()
    one, other = draw.identity(name), draw.identity(name)
    new = [values.small_text(draw.rng), values.small_text(draw.rng)]

    def change(identity: Element, new_value: Element) -> list[Field]:
        query = embedded([(b"_id", embedded([(b"$eq", identity)]))])
        fields = embedded([(b"$set", embedded([(b"u", new_value)]))])
        return _update(name, embedded([(b"q", query), (b"u", fields)]))

    free = change(one, of(draw.rng.random()))
    return operation(draw.side(), "swap", [name], free, change(other, new[0]), change(one, new[1]))


def transaction(draw: Draw) -> Operation:
    """Documents of two collections, in one transaction of an application."""
    one, other = draw.two()
    commands = [insertion(name, [draw.document(name)]) for name in (one, other)]
    return operation(draw.side(), "transaction", [one, other], *commands)


def ask_for_all(name: bytes) -> list[Field]:
    return [(b"find", text(name)), (b"sort", raw(whole((b"_id", of(1))))), (b"batchSize", of(1_000))]


def insertion(name: bytes, documents: list[bytes]) -> list[Field]:
    found = array(raw(document) for document in documents)
    return [(b"insert", text(name)), (b"documents", found), (b"ordered", of(False))]


def _update(name: bytes, change: Element) -> list[Field]:
    return [(b"update", text(name)), (b"updates", array([change]))]
