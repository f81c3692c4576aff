"""`sync_token show | clear`, on the saved tokens themselves."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.models import AuditEntry
from syncapp.store.tokens import save_token
from tests.api.conftest import Change

pytestmark = pytest.mark.django_db
# Seconds 0x67000000 after 1970, as MongoDB writes them into a token
TOKEN = {"_data": "8267000000000000012B0229296E04"}


@pytest.fixture
def kept(local_server: Any, local_db: Database[Any], change_settings: Change) -> Database[Any]:
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_token", *arguments, stdout=out)
    return out.getvalue()


def test_tokens_are_shown_with_their_times(kept: Database[Any]) -> None:
    save_token(kept, Side.ATLAS, TOKEN)
    text = command()
    assert "Local: no token is saved" in text
    assert "Atlas: processed up to 2024-10-04 14:47:28 UTC, saved 20" in text
    shown = json.loads(command("show", "--json"))
    assert shown["local"] is None
    assert shown["atlas"]["token"] == TOKEN["_data"]
    assert shown["atlas"]["clusterTime"] == "2024-10-04T14:47:28+00:00"


def test_what_is_no_token_is_called_so(kept: Database[Any]) -> None:
    kept["_sync_metadata"].insert_one({"_id": "local-resume-token", "token": "nonsense"})
    assert "Local: invalid resume token" in command("show", "--side", "local")


def test_one_token_is_cleared_and_the_other_stays(kept: Database[Any]) -> None:
    for side in Side:
        save_token(kept, side, TOKEN)
    assert command("clear", "--side", "atlas").startswith("Cleared: Atlas.")
    assert [one["_id"] for one in kept["_sync_metadata"].find()] == ["local-resume-token"]
    assert AuditEntry.objects.get(action="clear resume token").detail == "atlas"
    assert "No token was saved" in command("clear", "--side", "atlas")


def test_without_the_local_database_it_says_so(change_settings: Change) -> None:
    change_settings(mongodb_uri="")
    with pytest.raises(CommandError, match="MONGODB_URI is not set"):
        command("show")
