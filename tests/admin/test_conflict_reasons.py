"""Why a version won: from the record in MongoDB to the page, the log, and what an earlier version left without a reason."""

from __future__ import annotations

import datetime as dt
from typing import Any

import bson
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pymongo.database import Database
from structlog.testing import capture_logs

from syncapp.apply.worker import LOGGED_REASONS, Worker
from syncapp.core.content import content_hash, document_key
from syncapp.core.strategy import Verdict
from syncapp.core.values import Batch, Ending, Outcome, Side, WorkItem
from syncapp.mirror.conflicts import copy_conflicts
from syncapp.models import Conflict
from syncapp.mongo.transaction import transaction
from syncapp.services import conflicts
from syncapp.services.fingerprints import fingerprint
from syncapp.services.rules import collection_rules
from syncapp.store.conflicts import forget_copied, new_record, record_id, write_records
from syncapp.store.names import CONFLICTS
from tests.support import rows

pytestmark = pytest.mark.django_db
WHY = "last write wins: Atlas's version of 2026-03-01 12:00:05.120 UTC (written on Atlas) is newer than the local one"


def write_record(local: Database[Any], number: int) -> None:
    key = document_key("orders", bson.encode({"_id": number}))
    versions = {side: bson.encode({"_id": number, "v": side.value}) for side in Side}
    record = new_record(
        record_id("batch", key), key, Verdict(Side.ATLAS, "last-write-wins", WHY),
        at=dt.datetime(2026, 3, 1, number, tzinfo=dt.UTC), one_way=False, versions=versions,
        facts=dict.fromkeys(Side),
    )  # fmt: skip
    with transaction(local) as session:
        write_records(local, [record], session)


def test_the_reason_is_copied_and_a_record_without_one_too(local_db: Database[Any]) -> None:
    with_zones = local_db.codec_options.with_options(tz_aware=True)  # as the product connects
    local = local_db.client.get_database(local_db.name, codec_options=with_zones)
    write_record(local_db, 1)
    write_record(local_db, 2)
    of_an_earlier_version = {"head": True, "key": {"_id": 1}}
    assert local_db[CONFLICTS].update_one(of_an_earlier_version, {"$unset": {"because": ""}}).modified_count
    assert copy_conflicts(local, rows.DEVICE) == 2
    found = Conflict.objects.order_by("at").values_list("because", "strategy", "winner")
    assert list(found) == [("", "last-write-wins", "atlas"), (WHY, "last-write-wins", "atlas")]


@pytest.mark.parametrize("because", [WHY, ""])
def test_the_page_of_a_conflict_says_why(superuser: Client, because: str) -> None:
    one = rows.conflict({"_id": 1, "v": 1}, {"_id": 1, "v": 2}, because=because)
    page = superuser.get(reverse("admin:syncapp_conflict_change", args=[one.pk]))
    assert page.status_code == 200
    text = page.content.decode().replace("&#x27;", "'")
    assert (WHY in text) == bool(because)
    assert "Because" in text


def test_the_log_says_why() -> None:
    keys = [document_key("orders", bson.encode({"_id": number})) for number in range(LOGGED_REASONS + 2)]
    batch = Batch("task", Side.LOCAL, "orders", tuple(map(WorkItem, keys)), {})
    outcomes = [
        Outcome(key, Ending.DONE, transfer=Side.LOCAL, conflict=number > 0, because=f"reason {number}")
        for number, key in enumerate(keys)
    ]
    with capture_logs() as lines:
        Worker._log(Worker.__new__(Worker), batch, outcomes, 1.0)
    (line,) = (one for one in lines if one["event"] == "Conflict detected")
    assert line["documents"] == LOGGED_REASONS + 1
    assert line["because"] == [f"reason {number}" for number in range(1, LOGGED_REASONS + 1)]


MENU = {"_id": 1, "name": "soup", "price": 1}, {"_id": 1, "name": "stew"}


def test_a_page_offers_a_value_for_each_field(superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    one = rows.conflict(*MENU, winner="open")
    address = reverse("admin:syncapp_conflict_decide", args=[one.pk])
    assert address in superuser.get(reverse("admin:syncapp_conflict_change", args=[one.pk])).content.decode()
    page = superuser.get(address).content.decode()
    assert page.count('type="radio"') == 4
    seen = {
        f"seen_{side}": fingerprint(content_hash(bson.encode(version)))
        for side, version in zip(Side, MENU, strict=True)
    }
    for name, value in seen.items():
        assert f'name="{name}" value="{value}"' in page
    written: list[bytes] = []
    monkeypatch.setattr(
        conflicts, "write_merged", lambda key, versions, document, process: written.append(document)
    )
    missing = superuser.post(address, seen | {"how": "fields", "field_0": "atlas"}).content.decode()
    assert "Choose a value for price" in missing
    assert 'name="field_0" value="atlas" checked' in missing, "what was chosen stays"
    typed = {"how": "document", "document": "{ <mine>", "field_0": "atlas", "field_1": "local"}
    again = superuser.post(address, seen | typed).content.decode()
    assert "The document is not JSON" in again
    for kept in (
        'name="field_0" value="atlas" checked',
        'name="field_1" value="local" checked',
        ">{ &lt;mine&gt;<",
    ):
        assert kept in again, "what was chosen and typed stays, whichever button was pressed"
    missing = superuser.post(address, seen | {"how": "fields", "document": "{ <mine>"}).content.decode()
    assert ">{ &lt;mine&gt;<" in missing
    assert (
        "></textarea>" in superuser.post(address, seen | {"how": "document", "document": ""}).content.decode()
    )
    of_others = superuser.post(address, seen | typed | {"seen_atlas": "0" * 32}).content.decode()
    assert " checked" not in of_others, "the fields of other versions were not chosen"
    old = superuser.post(address, seen | {"seen_atlas": "0" * 32, "how": "document", "document": "{}"})
    assert "not those that you saw" in old.content.decode()
    done = superuser.post(address, seen | {"how": "fields", "field_0": "atlas", "field_1": "local"})
    assert done.status_code == 302
    assert written == [bson.encode({"_id": 1, "name": "stew", "price": 1})]
    one.refresh_from_db()
    assert (one.winner, one.resolved_by) == ("merged", "root")
    assert superuser.get(address).status_code == 302, "it is resolved"


def test_who_may_not_operate_may_not_decide(viewer: Client) -> None:
    one = rows.conflict(*MENU, winner="open")
    assert viewer.get(reverse("admin:syncapp_conflict_decide", args=[one.pk])).status_code == 403


BASE = {"_id": 1, "price": 10, "customer": {"phone": "030", "city": "Bern"}, "same": 1}
HERE = BASE | {"price": 12, "customer": {"phone": "031", "city": "Bern"}}
THERE = BASE | {"price": 11, "customer": {"phone": "030", "city": "Basel"}}


@pytest.mark.parametrize(
    ("base", "strategy", "said"),
    [
        (BASE, "field-merge", ["changed here", "changed on Atlas", "changed on both", "<span>Base</span>"]),
        (None, "field-merge (no base)", ["The base of this document was not kept"]),
        (None, "last-write-wins", ["with the strategy callable or field-merge"]),
    ],
)
@pytest.mark.parametrize("page", ["change", "decide"])
def test_its_pages_say_which_side_has_changed_what(
    superuser: Client, base: Any, strategy: str, said: list[str], page: str
) -> None:
    text = rows.extended(base) if base else ""
    one = rows.conflict(HERE, THERE, winner="open", base_document=text)
    Conflict.objects.update(strategy=strategy)
    shown = superuser.get(reverse(f"admin:syncapp_conflict_{page}", args=[one.pk])).content.decode()
    assert all(words in shown for words in said), said
    assert ("changed here" in shown) == bool(base)
    for path in ("price", "customer.phone", "customer.city"):
        assert f"<b>{path}" in shown
    assert "isthmus-row three" in shown or not base


def test_an_own_field_is_changed_by_nobody(superuser: Client) -> None:
    collection_rules.set_rule({"pattern": "orders", "ownFields": ["customer.phone"]})
    one = rows.conflict(HERE, THERE, base_document=rows.extended(BASE))
    shown = superuser.get(reverse("admin:syncapp_conflict_change", args=[one.pk])).content.decode()
    assert "own field, not compared" in shown
    assert "changed here" not in shown, "the phone alone was changed here alone"


def test_what_both_were_made_from_is_masked_too() -> None:
    operator = Client()
    user = User.objects.create_user("olga", is_staff=True)
    codes = ("view_conflict", "operate_sync", "see_bodies")
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    operator.force_login(user)
    collection_rules.set_rule({"pattern": "orders", "maskedFields": ["customer.phone"]})
    one = rows.conflict(HERE, THERE, winner="open", base_document=rows.extended(BASE))
    for page in ("change", "decide"):
        shown = operator.get(reverse(f"admin:syncapp_conflict_{page}", args=[one.pk])).content.decode()
        assert "030" not in shown
        assert "031" not in shown
        assert "changed on both" in shown
        assert "changed here" not in shown, "nor that it was changed"


def test_a_record_of_three_versions_of_16_mb_is_copied(local_db: Database[Any]) -> None:
    local = local_db.client.get_database(
        local_db.name, codec_options=local_db.codec_options.with_options(tz_aware=True)
    )
    key = document_key("orders", bson.encode({"_id": 1}))
    large = {name: bson.encode({"_id": 1, "v": name * 15_990_000}) for name in "abc"}
    record = new_record(
        record_id("batch", key), key, Verdict(Side.ATLAS, "field-merge", "", base=large["c"]),
        at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), one_way=False,
        versions={Side.LOCAL: large["a"], Side.ATLAS: large["b"]}, facts=dict.fromkeys(Side),
    )  # fmt: skip
    with transaction(local_db) as session:
        write_records(local_db, [record], session)
    assert copy_conflicts(local, rows.DEVICE) == 1
    row = Conflict.objects.get()
    assert [bytes(one) for one in (row.local_raw, row.atlas_raw, row.base_raw)] == list(large.values())
    forget_copied(local, dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    assert not local_db[CONFLICTS].count_documents({}), "all three versions go with the record"
