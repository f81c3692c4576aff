"""Many conflicts at once: losers restored by a selection or a time span, a strategy tried; by API, command and admin."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import bson
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, Conflict
from syncapp.services import conflicts
from syncapp.services.errors import NotPossible
from tests.api.conftest import ROOT, Change
from tests.support import rows

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def here(local_db: Database[Any], local_server: Mongod, change_settings: Change) -> Database[Any]:
    """The local database that the web process is told of."""
    change_settings(mongodb_uri=local_server.uri(local_db.name))
    return local_db


@pytest.fixture
def lost(here: Database[Any]) -> list[Conflict]:
    """Atlas won; the last two are of one document."""
    here["orders"].insert_many([{"_id": n, "v": "now"} for n in (1, 2)])
    found = [
        rows.conflict({"_id": n, "v": f"lost {hours}"}, {"_id": n, "v": "won"}, ago=hours * HOUR)
        for n, hours in ((1, 3), (2, 2), (2, 1))
    ]
    rows.conflict({"_id": 3}, None, winner="open")
    return found


def command(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("sync_conflicts", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def restore(client: APIClient, **query: Any) -> Any:
    return client.post(f"{ROOT}/conflicts/restore", query, format="json")


def values(here: Database[Any]) -> list[str]:
    return [one["v"] for one in here["orders"].find().sort("_id", 1)]


def test_all_of_a_time_span_are_restored_the_newest_last(
    operator: APIClient, operator_user: User, here: Database[Any], lost: list[Conflict]
) -> None:
    since = (timezone.now() - 2.5 * HOUR).isoformat()
    answer = restore(operator, collection="orders", since=since)
    assert answer.json() == {"restored": 2, "refused": [], "left": 0}
    assert values(here) == ["now", "lost 1"]
    assert AuditEntry.objects.filter(action="restore", user=operator_user).count() == 2
    assert Conflict.objects.filter(restored_by=operator_user.username).count() == 2
    assert restore(operator, all=True).json()["restored"] == 1, "those that were restored are left out"


def test_a_selection_and_what_is_refused(
    operator: APIClient, here: Database[Any], lost: list[Conflict]
) -> None:
    here.command("collMod", "orders", validator={"v": {"$ne": "lost 3"}})
    found = restore(operator, ids=[lost[0].pk, lost[1].pk]).json()
    assert (found["restored"], values(here)) == (1, ["now", "lost 2"])
    ((refused),) = found["refused"]
    assert (refused["id"], "refuses the version" in refused["reason"]) == (lost[0].pk, True)


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"since": "x"}, {"all": False}])
def test_without_a_filter_nothing_is_restored(operator: APIClient, lost: list[Conflict], body: Any) -> None:
    assert restore(operator, **body).status_code == 400
    assert not Conflict.objects.exclude(restored_at=None).exists()


def test_who_may_only_read_restores_nothing(reader: APIClient, lost: list[Conflict]) -> None:
    assert restore(reader, all=True).status_code == 403


def test_the_command_restores_lists_and_shows(
    operator: APIClient, here: Database[Any], lost: list[Conflict]
) -> None:
    assert [one["id"] for one in command("list", "--collection", "orders", "--winner", "atlas")] == [
        one.pk for one in reversed(lost)
    ]
    by_api = operator.get(f"{ROOT}/conflicts/{lost[0].pk}").json()
    shown = command("show", "--id", str(lost[0].pk))
    assert set(by_api) - set(shown) == {"bodiesHidden", "localDocument", "atlasDocument", "baseDocument"}
    assert (shown["local"]["v"], shown["base"], len(shown["localHash"])) == ("lost 3", None, 32)
    until = f"{timezone.now() - 2.5 * HOUR:%Y-%m-%dT%H:%M:%S}"
    assert command("restore", "--until", until)["restored"] == 1
    assert values(here) == ["lost 3", "now"]
    for wrong in (
        ["restore"],
        ["show"],
        ["show", "--id", "999999"],
        ["resolve", "--id", "1", "--fields", "["],
        ["resolve", "--id", "1", "--fields", '{"a": []}'],
        ["resolve", "--id", "1", "--document", '{"a": ' + "[" * 100_000],
        ["restore", "--collection", ""],
        ["restore", "--id", "9" * 30],
    ):
        with pytest.raises(CommandError):
            command(*wrong)


def test_the_command_resolves_field_by_field(
    here: Database[Any],
    local_server: Mongod,
    atlas_db: Database[Any],
    atlas_server: Mongod,
    change_settings: Change,
) -> None:
    uris = {"mongodb_uri": local_server.uri(here.name), "mongodb_atlas_uri": atlas_server.uri(atlas_db.name)}
    change_settings(**uris)
    versions = {"_id": 1, "a": 1, "b": 1}, {"_id": 1, "a": 2, "b": 2}
    here["orders"].insert_one(versions[0])
    atlas_db["orders"].insert_one(versions[1])
    one = rows.conflict(*versions, winner="open")
    found = command("resolve", "--id", str(one.pk), "--fields", '{"a": "local", "b": "atlas"}')
    assert found["winner"] == "merged"
    assert here["orders"].find_one() == {"_id": 1, "a": 1, "b": 2}
    with pytest.raises(NotPossible, match="neither has lost"):
        conflicts.restore(Conflict.objects.get())


def test_the_page_restores_a_selection(
    admin_client: Client, here: Database[Any], lost: list[Conflict]
) -> None:
    selected = {"action": "restore_selected", "_selected_action": [lost[0].pk, lost[2].pk]}
    page = admin_client.post(reverse("admin:syncapp_conflict_changelist"), selected, follow=True)
    assert "2 versions restored as new local changes." in page.content.decode()
    again = admin_client.post(reverse("admin:syncapp_conflict_changelist"), selected, follow=True)
    assert "Nothing to restore" in again.content.decode()
    assert values(here) == ["lost 3", "lost 1"]


# A strategy is tried

BASE = {"_id": 1, "price": 10, "name": "tea", "stock": 10}
LOCAL = BASE | {"price": 12, "stock": 9}
ATLAS = BASE | {"name": "green tea", "stock": 8}
EARLY, LATE = (dt.datetime(2026, 3, 1, hour, tzinfo=dt.UTC) for hour in (12, 13))


@pytest.fixture
def recorded(here: Database[Any]) -> Conflict:
    return rows.conflict(LOCAL, ATLAS, base_raw=bson.encode(BASE), local_time=EARLY, atlas_time=LATE)


def tried(client: APIClient, **rule: Any) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/conflicts/try", rule, format="json")
    assert answer.status_code == 200, answer.json()
    (found,) = answer.json()["results"]
    return dict(found)


def test_what_a_merge_would_have_made_field_by_field(operator: APIClient, recorded: Conflict) -> None:
    found = tried(operator, strategy="field-merge", numbers={"stock": "sum"})
    assert (found["recorded"], found["decided"], found["differs"]) == ("atlas", "merged", True)
    assert found["fields"] == {"price": "local", "name": "atlas", "stock": "merged"}
    assert found["document"]["stock"] == {"$numberInt": "7"}
    assert found["because"].startswith("field-merge: the local version of 2026-03-01 12:00:00")
    recorded.refresh_from_db()
    assert (recorded.winner, recorded.merged, recorded.restored_at) == ("atlas", False, None)


@pytest.mark.parametrize(
    ("rule", "decided"),
    [
        ({"strategy": "last-write-wins"}, "atlas"),
        ({"strategy": "local-wins"}, "local"),
        ({"strategy": "manual"}, "open"),
        ({"strategy": "callable", "resolver": "os.system"}, "atlas"),
    ],
)
def test_what_others_would_have_decided(
    operator: APIClient, recorded: Conflict, rule: Any, decided: str
) -> None:
    found = tried(operator, **rule)
    assert (found["decided"], found["differs"]) == (decided, decided != "atlas")
    assert bool(found["fields"]) == (decided != "open")


def test_a_delete_that_would_have_won(operator: APIClient, here: Database[Any]) -> None:
    rows.conflict(None, ATLAS, local_time=EARLY, atlas_time=LATE)
    found = tried(operator, strategy="local-wins")
    assert (found["document"], set(found["fields"].values())) == (None, {"local"})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"strategy": "newest"}, 'strategy is "newest"; allowed: last-write-wins, '),
        (
            {"strategy": "field-merge", "numbers": {"a": "avg"}},
            'numbers.a is "avg"; allowed: last, min, max, sum',
        ),
        ({"strategy": "field-merge", "arrays": {"a": "x"}}, 'arrays.a is "x"; allowed: replace, union, '),
    ],
)
def test_a_rule_that_cannot_be_tried(operator: APIClient, recorded: Conflict, rule: Any, said: str) -> None:
    answer = operator.post(f"{ROOT}/conflicts/try", rule, format="json")
    assert (answer.status_code, said in answer.json()["detail"]) == (400, True)


def test_the_command_tries_one(recorded: Conflict) -> None:
    (found,) = command("try", "--strategy", "field-merge", "--rule", '{"numbers": {"stock": "sum"}}')
    assert found["fields"] == {"price": "local", "name": "atlas", "stock": "merged"}
    out = io.StringIO()
    call_command("sync_conflicts", "try", "--strategy", "last-write-wins", stdout=out)
    assert "0 of 1 would have been decided otherwise (*). Nothing was written." in out.getvalue()


def test_api_and_command_say_which_side_has_changed_what(operator: APIClient, recorded: Conflict) -> None:
    address = f"{ROOT}/conflicts/{recorded.pk}"
    assert operator.get(address).json()["changedFields"] is None, "its base is not kept as text"
    Conflict.objects.update(base_document=rows.extended(BASE))
    told = {"price": "local", "name": "atlas", "stock": "both"}
    assert operator.get(address).json()["changedFields"] == told
    assert command("show", "--id", str(recorded.pk))["changedFields"] == told
    out = io.StringIO()
    call_command("sync_conflicts", "show", "--id", str(recorded.pk), stdout=out)
    assert "price: local 12, Atlas 10, base 10 (changed here)" in out.getvalue()
    assert "stock: local 9, Atlas 8, base 10 (changed on both)" in out.getvalue()
