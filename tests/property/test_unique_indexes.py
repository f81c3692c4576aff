"""What a unique index holds of a document, asked of a real one: whoever the server would refuse is found beforehand, with
the holder, and nobody else."""

from __future__ import annotations

from typing import Any

import bson
from bson import Decimal128, Int64, Regex
from bson.raw_bson import RawBSONDocument
from hypothesis import given
from hypothesis import strategies as st
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, WriteError

from syncapp.core.content import document_key
from syncapp.core.values import DocumentKey
from syncapp.engine.unique_values import Untangling
from syncapp.mongo.errors import DUPLICATE_KEY
from syncapp.mongo.index_keys import Unsure, index_keys
from tests.property.examples import share_of_examples

SCALARS = st.sampled_from(
    [None, 1, 1.0, Int64(1), Decimal128("1.0"), 2, True, "a", "A", "á", "", b"a", Regex("a"), {}, []]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "0", "$x"]), inner, max_size=2),
    ),
    max_leaves=5,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2)
PATHS = st.lists(
    st.sampled_from(["a", "b", "a.b", "a.a", "a.0", "a.0.b", "b.a.b"]), min_size=1, max_size=2, unique=True
)
OPTIONS = st.sampled_from(
    [
        {},
        {"sparse": True},
        {"collation": {"locale": "en", "strength": 1}},
        {"collation": {"locale": "en", "strength": 2}},
        {"partialFilterExpression": {"b": {"$exists": True}}},
        {"partialFilterExpression": {"$and": [{"a": {"$gt": "A"}}, {"a": {"$type": "string"}}]}},
        {
            "partialFilterExpression": {"b": "a"},
            "collation": {"locale": "en", "strength": 2},
        },
        {"hidden": True},
    ]
)


def refusal(collection: Collection[Any], raw: bytes) -> int | None:
    """The code with which the server refuses the document; None: it takes it. It does not stay."""
    try:
        collection.insert_one(RawBSONDocument(raw))
    except WriteError as error:
        return error.code
    collection.delete_one({"_id": RawBSONDocument(raw)["_id"]})
    return None


def is_sure(raw: bytes, paths: list[str]) -> bool:
    """Of what is not certain the server tells by refusing it, one by one."""
    try:
        index_keys(raw, [tuple(path.encode().split(b".")) for path in paths])
    except Unsure:
        return False
    return True


@given(paths=PATHS, options=OPTIONS, documents=st.lists(DOCUMENTS, min_size=2, max_size=8))
@share_of_examples(2)
def test_whom_the_server_refuses_is_known_beforehand_with_the_holder(
    databases: tuple[Database[Any], Database[Any]],
    paths: list[str],
    options: dict[str, Any],
    documents: list[dict[str, Any]],
) -> None:
    collection = databases[1]["unique"]
    collection.drop()
    collection.create_index([(path, 1) for path in paths], unique=True, **options)
    there: dict[DocumentKey, bytes] = {}
    left: dict[DocumentKey, bytes] = {}
    for number, one in enumerate(documents):
        raw = bson.encode({"_id": number, **one})
        try:
            collection.insert_one(RawBSONDocument(raw))
            there[document_key("unique", bson.encode({"_id": number}))] = raw
        except DuplicateKeyError:
            left[document_key("unique", bson.encode({"_id": number}))] = raw
        except WriteError:
            pass  # two arrays beside each other
    more = [{"_id": number + 100, **one} for number, one in enumerate(documents)]
    left |= {document_key("unique", bson.encode({"_id": one["_id"]})): bson.encode(one) for one in more}

    unsure = any(not is_sure(one, paths) for one in (*left.values(), *there.values()))
    # All that is there stays, since both sides are the same database
    tangle = Untangling(databases[1], databases[1], "unique", left, ()).follow(0, 1 << 20)
    found = {key: holders for key, holders in tangle.waits.items() if holders}
    for key, raw in left.items():
        code = refusal(collection, raw)
        if code == DUPLICATE_KEY:
            assert key in found or unsure, "nobody was found"
        elif code is None:
            assert key not in found, "it is not refused at all"
    for key, holders in found.items():
        assert not any(holders.values())
        for holder in holders:
            # Without the holder there is one reason less: with none of them it is taken
            collection.delete_one({"_id": bson.decode(holder.id_bson)["_id"]})
        assert refusal(collection, left[key]) != DUPLICATE_KEY or unsure, "somebody else holds it"
        for holder in holders:
            collection.insert_one(RawBSONDocument(there[holder]))
