"""Every address against every role, cell by cell; the table is `tests/support/matrix.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask

from syncapp.models import ComparedCollection, Conflict, RejectedChange
from syncapp.services.access import api_tokens, roles
from syncapp.services.rules import collection_rules
from tests.support import matrix, rows

pytestmark = pytest.mark.django_db
# What stands for the variable parts of an address. Of the API no row: after the permission an unknown name is refused
PARTS = {
    "admin/autocomplete/": "admin/autocomplete/?app_label=authtoken&model_name=tokenproxy&field_name=user",
    "<slug:token_id>": "1",
    "<int:pk>": "1",
    "<slug:run_id>": "run-1",
    "<slug:code>": "lag",
    "<slug:name>": "log",
    "<path:content_type_id>": "1",
    "<path:object_id>": "1",
    "^flower(?P<rest>/.*)?$": "flower/",
    "^docs/(?P<place>.*)$": "docs/",
    "(?P<url>.*)$": "nothing/",
}
NOBODY_KNOWS = (
    "?nobody=knows"  # the API refuses it with 400, after the permission and before anything is done
)


def addresses(resolver: URLResolver, start: str = "") -> Iterator[str]:
    for one in resolver.url_patterns:
        address = start + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one, address)
        elif "(?P<app_label>" in address:
            yield "admin/<app_label>/"
        else:
            yield address


def test_every_address_is_in_the_matrix() -> None:
    known, there = {address for address, _, _ in matrix.rows()}, set(addresses(get_resolver()))
    assert there - known == set(), (
        "add them to tests/support/matrix.py, and run python -m tests.support.matrix"
    )
    assert known - there == set()


def test_every_method_of_the_api_is_in_the_matrix() -> None:
    known = {(address, method) for address, method, _ in matrix.rows()}
    there = {
        (address, method.upper())
        for address, view in _views(get_resolver())
        for method in ("get", "post", "put", "patch", "delete")
        if hasattr(view, method)
    }
    assert there - known == set()


def _views(resolver: URLResolver, start: str = "") -> Iterator[tuple[str, Any]]:
    for one in resolver.url_patterns:
        address = start + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _views(one, address)
        elif hasattr(one.callback, "cls"):
            yield address, one.callback.cls


def test_the_matrix_is_published_as_it_is() -> None:
    text = matrix.PAGE.read_text()
    assert text == matrix.written(text), "python -m tests.support.matrix writes it"


@pytest.fixture
def objects(everything: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A row of each model, for the addresses of rows."""
    monkeypatch.setattr("monitoring.pages.SITE", tmp_path)  # as if the documents had not been built
    roles.seed()
    rows.run("running", run_id="run-1")
    ComparedCollection.objects.create(collection="bills", compared_at=timezone.now(), documents=1)
    rows.conflict({"_id": 7}, {"_id": 7, "x": 1}, winner="open")
    interval = IntervalSchedule.objects.create(every=1, period="days")
    ClockedSchedule.objects.create(clocked_time="2026-01-01T00:00:00Z")
    PeriodicTask.objects.create(name="somebody's", task="nothing", interval=interval)
    found = {}
    for model in admin.site._registry:
        row: Any = model._default_manager.first()
        if row is not None:
            found[f"admin/{model._meta.app_label}/{model._meta.model_name}/"] = row.pk
    found["admin/auth/group/"] = Group.objects.create(name="night shift").pk
    found["admin/auth/user/"] = User.objects.create_user("plain").pk
    found["admin/syncapp/comparisonrun/<path:object_id>/resume/"] = rows.run(
        "paused", run_id="run-2", paused_at=timezone.now()
    ).pk
    found["admin/syncapp/conflict/"] = Conflict.objects.get(winner="atlas", local_document__gt="").pk
    open_one = Conflict.objects.get(winner="open").pk
    found["admin/syncapp/conflict/<path:object_id>/take-local/"] = open_one
    found["admin/syncapp/conflict/<path:object_id>/take-atlas/"] = open_one
    # One that masks nothing: who may not see masked fields does not unmask them
    found["admin/syncapp/collectionrule/"] = collection_rules.set_rule({"pattern": "bills"}).pk
    found["admin/syncapp/rejectedchange/"] = RejectedChange.objects.get().pk
    return found


@pytest.fixture(params=matrix.ROLES, ids=list(matrix.ROLES.values()))
def who(request: pytest.FixtureRequest, objects: dict[str, Any]) -> tuple[str, Client]:
    letter = request.param
    client = Client()
    if letter != "N":
        user = User.objects.create_user("somebody", is_staff=True)
        objects["admin/syncapp/apitoken/"] = api_tokens.create(user, "own", roles.VIEWERS)[0].pk
        if letter != "L":
            user.groups.add(Group.objects.get(name=matrix.ROLES[letter]))
        client.force_login(user)
    return letter, client


def concrete(address: str, objects: dict[str, Any]) -> str:
    start = next((one for one in sorted(objects, key=len, reverse=True) if address.startswith(one)), "")
    pk = str(objects.get(start, 1))
    for part in ("<path:object_id>", "<int:object_id>", "<id>"):
        address = address.replace(part, pk)
    for part, value in {**PARTS, "<app_label>": "syncapp"}.items():
        address = address.replace(part, value)
    return f"/{address}" + (NOBODY_KNOWS if address.startswith("api/") else "")


def gets_through(client: Client, method: str, address: str) -> bool:
    answer = client.generic(method, address, "{}", content_type="application/json")
    if answer.status_code == 302:  # to the login, or to the start since there is no such row for this user
        start = "/admin/" if address != "/" else ""
        return not answer["Location"].startswith("/admin/login/") and answer["Location"] != start
    return answer.status_code not in (401, 403)


def test_each_cell(who: tuple[str, Client], objects: dict[str, Any]) -> None:
    letter, client = who
    wrong = []
    for address, method, allowed in sorted(matrix.rows(), key=lambda row: "logout" in row[0]):
        through = gets_through(client, method, concrete(address, objects))
        if through != (letter in allowed):
            wrong.append(f"{method} /{address}: {matrix.ROLES[letter]} {'may' if through else 'may not'}")
    assert wrong == []
