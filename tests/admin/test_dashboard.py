"""The dashboard: JSON for scripts, a live page for a browser, at one address; and the admin's first page."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from syncapp.models import Instance
from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from syncapp.store.halts import Kind
from tests.support import rows

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PAGE = "/monitoring/dashboard"


@pytest.fixture
def reader(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("reader"))
    return client


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_a_script_gets_json(reader: Client, accept: str) -> None:
    change_switches(enabled=True)
    rows.device(queue_size=3, pull_lag_ms=20, push_lag_ms=70)
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=98, failed=1, skipped=1)
    rows.conflict({"_id": 1}, None)
    body = reader.get(PAGE, headers={"accept": accept} if accept else {}).json()
    assert set(body) == {"timestamp", "health", "syncLag", "conflictRate", "errorRate", "queueSize", "halts"}
    assert (body["syncLag"], body["conflictRate"], body["errorRate"], body["queueSize"]) == (70, 1, 1.0, 3)
    assert dt.datetime.fromisoformat(body["timestamp"]).tzinfo


def test_a_browser_gets_the_page_after_a_login(superuser: Client) -> None:
    answer = Client().get(PAGE, headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/admin/login/?next={PAGE}")
    page = superuser.get(PAGE, headers={"accept": BROWSER})
    assert page.status_code == 200
    assert "Accept" in page.headers["Vary"], "a cache must not give the page to a script"
    assert 'id="isthmus"' in page.content.decode()


def test_who_is_not_staff_is_sent_to_the_login(reader: Client) -> None:
    assert reader.get(PAGE, headers={"accept": BROWSER}).status_code == 302


def test_it_is_the_first_page_of_the_admin(superuser: Client, viewer: Client) -> None:
    assert 'data-operate="1"' in superuser.get(reverse("admin:index")).content.decode()
    assert 'data-operate=""' in viewer.get(reverse("admin:index")).content.decode()


def test_the_page_loads_nothing_from_elsewhere(superuser: Client) -> None:
    page = superuser.get(reverse("admin:index")).content.decode()
    assert "https://" not in page
    assert "//cdn" not in page


def test_there_is_a_page_before_anything_ran(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    assert client.get(reverse("admin:index")).status_code == 200
    body = client.get("/monitoring/live").json()
    assert (body["health"], body["everRan"], body["conflicts"]) == ("critical", False, [])
    assert [len(body["directions"][d]["minutes"]) for d in ("atlasToLocal", "localToAtlas")] == [30, 30]


def test_the_live_figures_have_a_rate_for_each_minute(reader: Client) -> None:
    rows.minute(Direction.LOCAL_TO_ATLAS, dt.timedelta(minutes=2), succeeded=120, failed=1)
    minutes = reader.get("/monitoring/live").json()["directions"]["localToAtlas"]["minutes"]
    assert (minutes[-3]["rate"], minutes[-3]["failed"]) == (2, 1)
    assert sum(minute["rate"] for minute in minutes) == 2


def test_the_latest_conflicts_are_compared_and_huge_ones_left_out(reader: Client) -> None:
    rows.conflict({"_id": 1, "a": 1}, {"_id": 1, "a": 2})
    rows.conflict({"_id": 2, "a": "x" * 30_000}, None, ago=dt.timedelta(minutes=1))
    hidden = reader.get("/monitoring/live").json()["conflicts"]
    assert [one["fields"] for one in hidden] == [None, None], "documents are for whoever may see them"
    User.objects.get().user_permissions.add(Permission.objects.get(codename="see_bodies"))
    first, second = reader.get("/monitoring/live").json()["conflicts"]
    assert [(f["name"], f["differs"]) for f in first["fields"]] == [("_id", False), ("a", True)]
    assert second["fields"] is None
    assert len(reader.get("/monitoring/live").content) < 20_000


def test_the_number_of_queries_does_not_grow_with_rows(reader: Client, django_assert_max_num_queries) -> None:
    change_switches(enabled=True)
    for n in range(40):
        rows.minute(Direction.LOCAL_TO_ATLAS, dt.timedelta(minutes=n), succeeded=n)
        rows.conflict({"_id": n}, None)
    with django_assert_max_num_queries(22):
        reader.get("/monitoring/live")


def test_collections_that_are_refused_are_named_and_nothing_is_wrong_with_that(reader: Client) -> None:
    change_switches(enabled=True)
    rows.device(
        refused={"ring": "It is a capped collection on Atlas.", "names": "It has a default collation."}
    )
    body = reader.get("/monitoring/live").json()
    assert (body["refused"], body["health"], body["reasons"]) == (["names", "ring"], "healthy", [])


def test_a_first_run_that_waits_is_not_called_live(superuser: Client) -> None:
    Instance.objects.update(waiting_for="The two databases hold different documents")
    live = superuser.get(reverse("live")).json()
    assert (live["notStarted"], live["firstRun"]) == (True, True)
    Instance.objects.update(halts=[rows.halt(Kind.ATLAS_RESTORED)])
    live = superuser.get(reverse("live")).json()
    assert (live["notStarted"], live["firstRun"]) == (True, False), "it waits for an answer to the halt"


def test_the_update_brings_the_end_of_the_history(reader: Client) -> None:
    rows.device(queue_size=3)
    whole = reader.get("/monitoring/history?span=day").json()
    live = reader.get("/monitoring/live?span=day").json()
    assert live["history"]["at"] == whole["at"][-2:]
    assert "history" not in reader.get("/monitoring/live").json()


@pytest.mark.parametrize("address", ["/monitoring/live", "/monitoring/history"])
def test_a_span_that_does_not_exist_is_refused(reader: Client, address: str) -> None:
    answer = reader.get(f"{address}?span=year")
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        'span is "year"; allowed: hour, day, week',
    )


def test_an_update_with_history_is_a_bounded_number_of_queries(
    reader: Client, django_assert_max_num_queries
) -> None:
    change_switches(enabled=True)
    rows.device()
    for n in range(40):
        rows.minute(Direction.LOCAL_TO_ATLAS, dt.timedelta(minutes=n), succeeded=n)
    with django_assert_max_num_queries(30):
        reader.get("/monitoring/live?span=week")


def test_firing_alerts_are_counted(reader: Client) -> None:
    rows.alert()
    rows.alert(code="lag", about="", severity="warning", state="acknowledged")
    rows.alert(code="clock", about="", severity="warning", state="pending")
    assert reader.get("/monitoring/live").json()["alerts"] == {"warning": 1, "critical": 1}
