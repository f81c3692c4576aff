"""Every page of the admin opens, for a superuser and for somebody who may only look."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from syncapp.models import ApiToken, ComparisonRun, Conflict, RejectedChange
from syncapp.tasks.schedule import seed
from tests.support import rows

pytestmark = pytest.mark.django_db

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(model: type, page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)  # type: ignore[attr-defined]


def pages(model: type) -> list[str]:
    """The list and one page of each row; a list of one row may lead to that row's page."""
    changes = [address(model, "change", row.pk) for row in model._default_manager.all()[:3]]  # type: ignore[attr-defined]
    return [address(model, "changelist"), *changes]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("who", ["superuser", "viewer"])
def test_lists_and_rows_open(who: str, model: type, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(who)
    for page in pages(model):
        assert client.get(page, follow=True).status_code == 200, page


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_whoever_may_only_look_cannot_change(viewer: Client, model: type) -> None:
    for page in pages(model)[1:]:
        assert viewer.post(page, {}).status_code in (302, 403), page
        assert viewer.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403, page
    # Of API tokens everybody has their own
    assert viewer.get(address(model, "add")).status_code == (200 if model is ApiToken else 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_adding_opens_or_is_refused(superuser: Client, model: type) -> None:
    assert superuser.get(address(model, "add")).status_code in (200, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_a_row_that_cannot_be_is_not_found(superuser: Client, page: str, model: type) -> None:
    for name in ("abc", "1" * 40, "_00"):
        answer = superuser.get(address(model, page, name), follow=True)
        assert answer.status_code in (200, 403, 404), name


def test_a_filter_by_bytes_is_refused(superuser: Client) -> None:
    for query in ("document_id_raw=x", "document_id_raw__startswith=x"):
        answer = superuser.get(f"{address(RejectedChange, 'changelist')}?{query}", headers=BROWSER)
        assert answer.status_code == 400, query


def test_an_address_with_a_nul_is_refused(superuser: Client) -> None:
    """PostgreSQL cannot look for it."""
    for query in ("q=%00", "collection=a%00b", "reason__exact=%00"):
        answer = superuser.get(f"{address(RejectedChange, 'changelist')}?{query}", headers=BROWSER)
        assert (answer.status_code, "not well-formed" in answer.content.decode()) == (400, True), query


# As Django derives them from names of fields and of options; "ID", "URL" and so on are how people write them
DERIVED = re.compile(
    r"(?<!')\b(id|ids|url|uri|api|json|bson|http|ttl|ip|ms|s)\b|\b(Id|Ids|Url|Uri|Api|Json|Bson|Http|Ttl|Ip|Ms)\b"
)


@pytest.mark.parametrize(
    "model", [one for one in MODELS if one._meta.app_label == "syncapp"], ids=lambda model: model._meta.label
)
def test_labels_are_words_that_people_use(superuser: Client, model: type, rf: RequestFactory) -> None:
    page = admin.site._registry[model]  # type: ignore[index]
    request = rf.get("/")
    request.user = User.objects.get(username="root")
    names = {str(label_for_field(one, model, page)) for one in page.get_list_display(request)}
    shown_rows = [model._default_manager.first(), *([None] if page.has_add_permission(request) else [])]  # type: ignore[attr-defined]
    for row in shown_rows:
        form = page.get_form(request, row, change=row is not None)
        shown = flatten_fieldsets(page.get_fieldsets(request, row))
        names |= {
            str(form.base_fields[one].label or "")
            if one in form.base_fields
            else str(label_for_field(one, model, page, form=form))
            for one in shown
        }
    names -= {"action_checkbox"}
    assert names
    assert [one for one in sorted(names) if DERIVED.search(one)] == []


@pytest.mark.parametrize(
    ("place", "page"),
    [
        ("syncapp/collectionrule/preview/", "syncapp/collectionrule/"),
        ("syncapp/validationrule/check/", "syncapp/validationrule/"),
        ("logout/", ""),
    ],
)
def test_what_takes_a_form_only_says_so_and_leads_to_its_page(
    superuser: Client, place: str, page: str
) -> None:
    response = superuser.get(f"/admin/{place}")
    assert (response.status_code, response["Allow"][:4]) == (405, "POST")
    assert f"/admin/{place} is no page to open" in response.content.decode()
    assert f'<a href="/admin/{page}">The page it belongs to</a>' in response.content.decode()
    assert "Open the page" in superuser.put("/admin/syncapp/instance/halts/").content.decode()


def test_a_dialog_that_is_opened_in_a_tab_of_its_own_is_its_page(superuser: Client) -> None:
    row = Conflict.objects.exclude(winner=Conflict.Winner.OPEN)[0]
    dialogs = address(Conflict, "restore_loser", row.pk), address(ComparisonRun, "verify")
    for dialog in dialogs:
        inside = superuser.get(dialog, headers={**BROWSER, "HX-Request": "true"})
        assert b'id="dialog"' in inside.content
        page = superuser.get(dialog, headers=BROWSER)["Location"]
        assert page == f"{dialog.rpartition('/')[0].rpartition('/')[0]}/"
    followed = superuser.get(dialogs[0], headers=BROWSER, follow=True)
    assert followed.redirect_chain[-1][0] == address(Conflict, "change", row.pk)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the built documents, which is empty."""
    monkeypatch.setattr("monitoring.pages.SITE", tmp_path)
    return tmp_path


@pytest.mark.parametrize("who", ["superuser", "viewer"])
def test_every_link_of_the_sidebar_leads_somewhere(
    who: str, site: Path, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(who)
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    links = [item["link"] for group in groups for item in group["items"]]
    assert len(links) > 10
    for link in links:
        assert client.get(link, follow=True).status_code == 200, link


def test_the_sidebar_leads_to_the_documents_when_they_are_built(viewer: Client, site: Path) -> None:
    def links() -> list[str]:
        groups = viewer.get(reverse("admin:index")).context["sidebar_navigation"]
        return [one["link"] for group in groups for one in group["items"] if one["title"] == "Documents"]

    assert links() == []
    (site / "index.html").write_text("Start")
    (link,) = links()
    with closing(viewer.get(link)) as answered:
        assert b"".join(answered) == b"Start"


def test_nobody_sees_a_link_that_is_closed_to_them(everything: None, site: Path) -> None:
    client = Client()
    client.force_login(User.objects.create_user("guest", is_staff=True))
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    assert [item["title"] for group in groups for item in group["items"]] == ["Dashboard", "API"]


@pytest.mark.parametrize("query", ["?q=orders", "?winner__exact=local", "?restored_at__isempty=1", "?o=1.-2"])
def test_the_list_of_conflicts_can_be_searched_and_filtered(superuser: Client, query: str) -> None:
    assert superuser.get(reverse("admin:syncapp_conflict_changelist") + query).status_code == 200


@pytest.mark.parametrize("which", ["abc", "9" * 30, "9" * 5000, "987654321"])
def test_an_action_on_a_row_that_there_is_not_is_no_failure(admin_client: Client, which: str) -> None:
    for model, page in admin.site._registry.items():
        for action in getattr(page, "actions_detail", ()):
            address = reverse(f"admin:syncapp_{model._meta.model_name}_{action}", args=[which])
            form = {"_form_submitted": "on", "name": "Till 3", "minutes": "60"}
            for answer in (admin_client.get(address), admin_client.post(address, form)):
                assert answer.status_code < 500, address
                assert answer.status_code == 404 or which == "987654321", address


def test_a_document_that_is_nested_too_deeply_is_no_failure(admin_client: Client) -> None:
    deep = '{"a": ' + "[" * 100_000
    one = rows.conflict({"_id": 7}, {"_id": 7, "x": 2}, winner="open")
    pages = {
        reverse("admin:syncapp_conflict_decide", args=[one.pk]): {"how": "document", "document": deep},
        reverse("admin:syncapp_validationrule_add"): {"pattern": "orders", "schema": deep},
        reverse("admin:syncapp_collectionrule_add"): {"pattern": "orders", "filter": deep},
    }
    for address, form in pages.items():
        assert admin_client.post(address, form).status_code == 200, address


def test_search_and_password_pages_open(superuser: Client) -> None:
    for page in ("/admin/search/?s=conf", "/admin/password_change/", "/admin/login/"):
        assert superuser.get(page, follow=True).status_code == 200, page


def test_an_empty_list_says_what_its_emptiness_means(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:syncapp_conflict_changelist"))
    assert "No conflicts: no document was changed on both sides" in page.content.decode()
    page = admin_client.get(reverse("admin:syncapp_conflict_changelist") + "?q=nothing")
    assert "No entries match this search" in page.content.decode()


def test_periodic_tasks_of_the_product_cannot_be_deleted(superuser: Client) -> None:
    seed(60_000, 2)
    own = PeriodicTask.objects.filter(task__startswith="syncapp.")
    assert own.count() >= 4
    names = set(own.values_list("name", flat=True))
    assert superuser.post(address(PeriodicTask, "delete", own[0].pk), {"post": "yes"}).status_code == 403
    ids = [str(one.pk) for one in own]
    superuser.post(
        address(PeriodicTask, "changelist"),
        {"action": "delete_selected", "_selected_action": ids, "post": "yes"},
    )
    assert set(own.values_list("name", flat=True)) == names
