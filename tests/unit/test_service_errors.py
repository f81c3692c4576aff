"""What a service refuses is shown by API, admin and commands alike, and each of them maps it in one place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from syncapp.admin import validation as admin_validation
from syncapp.admin.first_run import ChoiceForm
from syncapp.services import errors, first_run, halts, runs
from syncapp.services.errors import (
    KeyReused,
    NotAllowed,
    NotFound,
    NotPossible,
    Overtaken,
    ServiceError,
    Unreachable,
    WrongInput,
)
from syncapp.store.first_run import Counts
from tests.api.conftest import ROOT

SYNCAPP = Path(errors.__file__).parents[1]
STATUSES = {
    WrongInput: 400,
    NotAllowed: 403,
    NotFound: 404,
    Overtaken: 409,
    NotPossible: 409,
    KeyReused: 422,
    Unreachable: 503,
}
KINDS = ServiceError.__subclasses__()
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=[kind.code for kind in KINDS])
LINE = "Not with <this> one"
Refuse = Callable[[Any, str, type[ServiceError]], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let a function of a service refuse whatever it is asked."""

    def replace(service: Any, name: str, kind: type[ServiceError]) -> None:
        def refused(*args: Any, **options: Any) -> NoReturn:
            raise kind(LINE, "name")

        monkeypatch.setattr(service, name, refused)

    return replace


@pytest.fixture
def superuser(db: None) -> User:
    return User.objects.create_superuser("operator")


@EVERY_KIND
def test_the_api_answers_with_the_status_of_the_kind(
    superuser: User, refuse: Refuse, kind: type[ServiceError]
) -> None:
    refuse(halts, "show", kind)
    client = APIClient()
    client.force_authenticate(superuser)
    answer = client.get(f"{ROOT}/halts")
    assert answer.status_code == STATUSES[kind]
    assert answer.json() == {"detail": LINE, "code": kind.code, "field": "name"}


@EVERY_KIND
def test_the_admin_shows_a_message_and_goes_back(
    superuser: User, client: Client, refuse: Refuse, kind: type[ServiceError]
) -> None:
    refuse(halts, "answer", kind)
    client.force_login(superuser)
    answer = client.post(reverse("admin:syncapp_halts"), {"id": "a", "answer": "b"}, follow=True)
    assert answer.redirect_chain == [(reverse("admin:syncapp_halts"), 302)]
    assert [(one.level_tag, one.message) for one in answer.context["messages"]] == [("error", LINE)]


@EVERY_KIND
def test_a_page_of_the_admin_shows_it_where_it_has_nothing_else(
    superuser: User, client: Client, refuse: Refuse, kind: type[ServiceError]
) -> None:
    refuse(halts, "show", kind)
    client.force_login(superuser)
    answer = client.get(reverse("admin:syncapp_halts"))
    assert (answer.status_code, answer.context["problem"]) == (200, LINE)


def test_a_form_of_the_admin_shows_it_beside_the_field(refuse: Refuse) -> None:
    refuse(first_run, "choice_of", WrongInput)
    given = {"differing": "newest", "timestamp_field": "at", "only_atlas": "pull", "only_local": "push"}
    assert ChoiceForm(Counts(), given).errors == {"timestamp_field": [LINE]}
    refuse(admin_validation, "checked", WrongInput)
    with pytest.raises(ValidationError) as refused:
        admin_validation.SchemaField().clean('{"required": ["a"]}')
    assert refused.value.messages == [LINE]


@EVERY_KIND
def test_a_command_ends_with_the_line_and_an_exit_status(
    db: None, refuse: Refuse, kind: type[ServiceError]
) -> None:
    refuse(halts, "show", kind)
    refuse(runs, "start", kind)
    for name, status in (("sync_halts", 2), ("sync_verify", 2), ("sync_resync", 2)):
        with pytest.raises(CommandError) as refused:
            call_command(name)
        assert (str(refused.value), refused.value.returncode) == (LINE, status)


def test_services_have_no_other_errors() -> None:
    assert all(vars(errors)[kind.__name__] is kind for kind in KINDS)
    others = [
        f"{path.name}: {node.name}"
        for path in (SYNCAPP / "services").glob("*.py")
        if path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    ]
    assert others == []


def test_each_maps_them_in_one_place() -> None:
    """The API by the framework's handler, which catches nothing itself; its fields gather several in one answer. What
    follows a run adds how to look for it."""
    names = {kind.__name__ for kind in (ServiceError, *KINDS)}
    catching = {
        str(path.relative_to(SYNCAPP))
        for package in ("api", "admin", "management")
        for path in (SYNCAPP / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and node.type is not None
        and names & {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)}
    }  # fmt: skip
    assert catching == {
        "api/common/fields.py",
        "admin/refusals.py",
        "management/command.py",
        "management/following.py",
    }
