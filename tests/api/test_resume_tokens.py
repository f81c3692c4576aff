"""Tokens as they are, also those that hold bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import Decimal128, Int64, json_util
from django.test import Client
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.core.values import Side
from syncapp.listener.telemetry.status import mirror_tokens
from syncapp.models import ResumeToken
from syncapp.mongo.change_stream import ChangeStream
from tests.api.conftest import ROOT
from tests.support.eventually import eventually


def token_of(database: Database[Any], document_id: object) -> dict[str, Any]:
    """The token of the event of a document with this `_id`."""
    stream = ChangeStream.open(database, [], 10, None)
    database["orders"].insert_one({"_id": document_id})
    tokens: list[dict[str, Any]] = []

    def came() -> bool:
        fetched = stream.fetch(100)
        tokens.append(fetched.token)
        return bool(fetched.events)

    eventually(came, "the event comes", every=0.01)
    stream.close()
    return tokens[-1]


@pytest.mark.parametrize("document_id", ["text", 1.5, Int64(5), Decimal128("5.0"), 7])
def test_a_token_is_shown_as_it_is_whatever_the_id(
    reader: APIClient, admin_client: Client, atlas_db: Database[Any], document_id: object
) -> None:
    token = token_of(atlas_db, document_id)
    assert ("_typeBits" in token) is isinstance(document_id, float | Int64 | Decimal128)
    mirror_tokens("device", {Side.ATLAS: token})
    (shown,) = reader.get(f"{ROOT}/resume-token").json()["results"]
    assert json_util.loads(json.dumps(shown["token"])) == token
    row = ResumeToken.objects.get()
    page = admin_client.get(f"/admin/syncapp/resumetoken/{row.pk}/change/")
    assert page.status_code == 200
    assert token["_data"] in page.content.decode()
