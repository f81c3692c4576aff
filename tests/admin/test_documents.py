"""The page of one document, and the links that lead to it from what is kept of a document's `_id`."""

from __future__ import annotations

import html
import re
import struct
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from django.test import Client
from django.urls import reverse
from pymongo.database import Database

from syncapp.compare.slices import sample
from syncapp.core.content import document_key, wrap
from syncapp.core.text.extended_json import LONGEST_SAMPLE
from syncapp.core.values import Side
from syncapp.embedded.mongod import Mongod
from syncapp.store.halts import Kind, raise_halt, samples_of
from syncapp.store.run import State
from tests.api.conftest import Change
from tests.support import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def local(
    everything: None,
    local_db: Database[Any],
    atlas_db: Database[Any],
    local_server: Mongod,
    atlas_server: Mongod,
    change_settings: Change,
) -> Database[Any]:
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    return local_db


def string(value: bytes, name: bytes = b"_id") -> bytes:
    """A string as a BSON element, whatever its bytes are."""
    return b"\x02" + name + b"\0" + struct.pack("<i", len(value) + 1) + value + b"\0"


ANY_ID = {
    "not UTF-8": wrap(string(b"caf\xe9")),
    "bytes": bson.encode({"_id": b"\xff\0\xfe"}),
    "NaN": bson.encode({"_id": float("nan")}),
    "long": bson.encode({"_id": "a" * (LONGEST_SAMPLE - 100)}),
    "long to write in an address": bson.encode({"_id": "<é>" * 900}),
    "not UTF-8 in a document": wrap(b"\x03_id\0" + wrap(string(b"\xff\xfe", b"a") + string(b"x", b"b"))),
    "a field twice": wrap(b"\x03_id\0" + wrap(string(b"x", b"a") + string(b"y", b"a"))),
    "too large a date": bson.encode({"_id": bson.DatetimeMS(2**60)}),
}


@pytest.mark.parametrize("id_bson", ANY_ID.values(), ids=ANY_ID)
def test_a_document_of_any_id_can_be_opened_where_it_is_named(
    superuser: Client, local: Database[Any], atlas_db: Database[Any], id_bson: bytes
) -> None:
    document = RawBSONDocument(wrap(id_bson[4:-1] + string(b"the one", b"found")))
    atlas_db["orders"].insert_one(document)
    other = document_key("orders", wrap(string("caf\N{REPLACEMENT CHARACTER}".encode())))
    key = document_key("orders", id_bson)
    samples = [sample(one, "onlyAtlas") for one in (other, key)]
    row = rows.run(State.DONE, only_atlas=2, samples=samples)
    raise_halt(
        local,
        Kind.MASS_DELETE,
        "2 deletes",
        side=Side.LOCAL,
        collection="orders",
        preview=samples_of([other, key]),
    )
    refused = rows.rejected(
        key=7, document_id=samples[1]["id"], document_id_raw=id_bson, reason="It is refused"
    )  # type: ignore[index]
    refusal = reverse("admin:syncapp_rejectedchange_change", args=[refused.pk])
    for address in (
        reverse("admin:syncapp_comparisonrun_change", args=[row.pk]),
        reverse("admin:syncapp_halts"),
    ):
        page = superuser.get(address).content.decode()
        links = re.findall(r'href="([^"]*/document/\?[^"]*)"', page)
        assert len(links) == 2
        assert page.count(refusal) == ("comparisonrun" in address), "of the other one nothing is known"
        first, second = (superuser.get(html.unescape(link)).content.decode() for link in links)
        assert "the one" not in first
        assert refusal not in first
        assert "the one" in second
        assert refusal in second


@pytest.mark.parametrize("text", ["AAAA", "x", "é", "BQAAAAA=", "FQAAABBfaWQAAQAAABB4AAEAAAAA"])
def test_bytes_that_are_no_id_are_named(superuser: Client, local: Database[Any], text: str) -> None:
    page = superuser.get(reverse("admin:syncapp_document"), {"collection": "orders", "bson": text})
    assert page.status_code == 200
    assert "is not an _id as BSON in base64" in page.content.decode()


@pytest.mark.parametrize(
    "text",
    ["{", '{"$oid": 1}', '{"$numberDecimal": "x"}', "[" * 10_000, '{"$date": {"$numberLong": "x"}}'],
)
def test_an_id_that_is_none_is_named(superuser: Client, local: Database[Any], text: str) -> None:
    page = superuser.get(reverse("admin:syncapp_document"), {"collection": "orders", "id": text})
    assert page.status_code == 200
    assert "is not an _id in extended JSON" in page.content.decode()


def test_a_document_is_looked_up_and_explained(
    superuser: Client, local: Database[Any], atlas_db: Database[Any]
) -> None:
    for database in (local, atlas_db):
        database["orders"].insert_one({"_id": "A-1", "v": 1})
    where = reverse("admin:syncapp_document")
    empty = superuser.get(where).content.decode()
    assert "Nothing is written" in empty
    assert "History" not in empty
    page = superuser.get(where, {"collection": "orders", "id": "A-1"}).content.decode()
    assert "Both sides hold the same." in page
    assert "is recorded" in page
    half = superuser.get(where, {"collection": "orders", "id": ""}).content.decode()
    assert "Give both" in half
