"""The pages of collection rules: the list in its order, the form part by part, errors at the field, the preview."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from syncapp.core.rule.collection_rule import CollectionRule as Value
from syncapp.models import AuditEntry, CollectionRule, ValidationRule
from syncapp.services.rules.collection_rules import set_rule
from syncapp.services.rules.exclusions import exclude
from syncapp.services.rules.validation import set_rule as set_validation
from tests.api.test_collection_rules import both  # noqa: F401  (the same fixture)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("both")]
LIST, ADD = (reverse(f"admin:syncapp_collectionrule_{page}") for page in ("changelist", "add"))
FORM = {
    "pattern": "orders",
    "priority": "10",
    "direction": "both",
    "urgency": "last",
    "deletesAtlasToLocal": "on",
    "filter": '{"shop": "a"}',
    "onLeave": "drop",
    "ownFields": "lastSync\n\n till.name ",
    "strategy": "",
    "numbers": "stock = sum",
    "arrays": "tags = union\nlines = key sku",
    "resolver": "",
    "timestampField": "updatedAt",
    "validation": "",
    "maskedFields": "",
}


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def text(client: Client, address: str, form: Any = None) -> str:
    answer = client.get(address) if form is None else client.post(address, form, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_rule_is_added_shown_changed_and_removed(client: Client) -> None:
    assert "orders matches now: Local: orders; Atlas: orders." in text(client, ADD, FORM)
    row = CollectionRule.objects.get()
    assert Value.of(row.document) == Value.of({
        "pattern": "orders", "priority": 10, "urgency": "last", "filter": {"shop": "a"}, "numbers": {"stock": "sum"},
        "arrays": {"tags": "union", "lines": {"key": "sku"}}, "timestampField": "updatedAt",
        "ownFields": ["lastSync", "till.name"], "deletes": {"localToAtlas": False},
    })  # fmt: skip
    page = reverse("admin:syncapp_collectionrule_change", args=[row.pk])
    shown = text(client, page)
    for part in ("stock = sum", "lines = key sku", "lastSync\ntill.name", "Preview its removal"):
        assert part in shown, part
    changed = {name: value for name, value in FORM.items() if name != "pattern"} | {"urgency": "normal"}
    text(client, page, changed)
    assert CollectionRule.objects.get().document["urgency"] == "normal"
    assert AuditEntry.objects.first().detail == 'orders: urgency: "last" → "normal"'  # type: ignore[union-attr]
    assert "orders matches now" in text(client, reverse("admin:syncapp_rule_matches", args=[row.pk]))
    text(client, page.replace("/change/", "/delete/"), {"post": "yes"})
    assert not CollectionRule.objects.exists()
    assert AuditEntry.objects.filter(action="remove collection rule").exists()


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("numbers", "stock = add", 'numbers.stock is "add"; allowed: last, min, max, sum'),
        ("numbers", "stock", "stock has no = in it: write field = how"),
        ("filter", "{", "Enter a valid JSON."),
        ("filter", '{"a": {"$gtt": 1}}', "filter cannot be used: MongoDB says: unknown operator: $gtt"),
        ("ownFields", "a\na.b", "ownFields names a.b, which is inside a"),
        ("validation", '{"x": 1}', "validation cannot be used: x is not supported"),
        ("priority", "-1", "priority is -1; allowed: a whole number"),
        ("pattern", "a b", "white space"),
        ("resolver", "shop.resolve", "resolver is only asked by the strategy callable"),
    ],
)
def test_an_error_stands_at_its_field(client: Client, field: str, value: str, line: str) -> None:
    answer = client.post(ADD, FORM | {field: value})
    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert line in str(errors[field][0])
    assert not CollectionRule.objects.exists()


def test_the_list_is_in_the_order_in_which_rules_are_asked(client: Client) -> None:
    for pattern, priority in (("*", 10), ("ord*", 10), ("zebra", 10), ("orders_*", 20), ("a*", 5)):
        set_rule({"pattern": pattern, "priority": priority, "direction": "none"})
    exclude("temp_*")
    set_validation("bills", {"required": ["total"]})
    shown = client.get(LIST)
    asked = ["a*", "zebra", "ord*", "*", "orders_*"]
    assert [row.pattern for row in shown.context["cl"].result_list] == ["temp_*", *asked, "bills"]
    page = shown.content.decode()
    assert "nothing is transferred" in page
    assert "Excluded: not pulled from Atlas, still pushed" in page
    for kind in ("Exclusion", "Rule", "Validation rule"):
        assert kind in page
    only = client.get(f"{LIST}?kind__exact=validation").context["cl"].result_list
    assert [row.pattern for row in only] == ["bills"]
    found = text(client, reverse("admin:syncapp_rule_for") + "?collection=orders")
    assert "ord* matches it, with priority 10, and is asked before * (10), which does not count" in found
    assert "Open the rule" in found


def test_each_row_of_the_list_leads_to_its_form_and_is_removed_from_there(client: Client) -> None:
    rule = set_rule({"pattern": "orders", "urgency": "last"})
    exclusion, validation = exclude("temp_*"), set_validation("bills", {"required": ["total"]})
    models = {rule: "collectionrule", exclusion: "excludedcollection", validation: "validationrule"}
    page = text(client, LIST)
    for row, model in models.items():
        address = f"/admin/syncapp/collectionrule/{row.pk}/change/"
        assert address in page
        form = client.get(address, follow=True)
        assert form.status_code == 200
        assert form.request["PATH_INFO"] == f"/admin/syncapp/{model}/{row.pk}/change/"
        assert f"/admin/syncapp/{model}/add/" in page, "there is a button for each kind"
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": [row.pk for row in models]}
    text(client, LIST, chosen)
    assert not CollectionRule.of_all_kinds.exists()
    assert set(AuditEntry.objects.values_list("action", flat=True)[:3]) == {
        "remove collection rule", "include collection", "remove validation rule",
    }  # fmt: skip


def test_a_second_one_of_a_pattern_is_refused_at_the_field(client: Client) -> None:
    text(client, ADD, FORM)
    again = client.post(ADD, FORM | {"urgency": "first"})
    assert again.context["adminform"].form.errors == {
        "pattern": ["Collection rule with this Pattern already exists."]
    }
    assert CollectionRule.objects.get().document["urgency"] == "last"
    text(client, reverse("admin:syncapp_excludedcollection_add"), {"pattern": "orders"})
    assert CollectionRule.of_all_kinds.count() == 2, "of another kind there may be one"


def test_a_preview_and_a_check_change_nothing(client: Client) -> None:
    page = reverse("admin:syncapp_rule_preview")
    assert "1 dropped here, not on Atlas: no match" in text(client, page, FORM)
    assert "<b>Numbers</b>: numbers.stock is" in text(client, page, FORM | {"numbers": "stock = add"})
    form = FORM | {"filter": "", "validation": '{"properties": {"total": {"maximum": 5}}}'}
    assert "On Atlas: 1 of 5 documents would be refused" in text(client, f"{page}?check", form)
    assert not CollectionRule.objects.exists()
    row = set_rule({"pattern": "orders", "direction": "none"})
    removal = reverse("admin:syncapp_rule_preview", args=[row.pk]) + "?delete"
    assert "2 come from Atlas" in text(client, removal, {})
    rule = {"pattern": "orders", "schema": '{"required": ["shop"]}'}
    assert "Here: 0 of 3 documents would be refused" in text(
        client, reverse("admin:syncapp_validation_check"), rule
    )
    assert not ValidationRule.objects.exists()
    kept = set_validation("bills", {"required": ["total"]})
    check = reverse("admin:syncapp_validation_check", args=[kept.pk])
    shown = text(client, check, {"schema": '{"required": ["total"]}'})
    assert "Here: 1 of 1 document would be refused" in shown
    assert "total is missing" in shown
    assert "<b>Schema</b>: This field is required" in text(client, check, {"schema": "[]"})


def test_whoever_looks_changes_and_previews_nothing(viewer: Client) -> None:
    row = CollectionRule.objects.get()
    page = text(viewer, reverse("admin:syncapp_collectionrule_change", args=[row.pk]))
    assert "goes first" in page
    assert "Preview" not in page
    schema = reverse("admin:syncapp_validationrule_change", args=[ValidationRule.objects.get().pk])
    assert "&quot;required&quot;: [" in text(viewer, schema)
    assert "Add an exclusion" not in text(viewer, LIST)
    assert viewer.post(ADD, FORM).status_code == 403
    assert viewer.post(reverse("admin:syncapp_rule_preview"), FORM).status_code == 403
    assert viewer.post(reverse("admin:syncapp_validation_check"), {}).status_code == 403
