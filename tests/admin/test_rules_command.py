"""`sync_rules`: what it lists, changes, previews and refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from syncapp.models import AuditEntry, CollectionRule
from syncapp.services.rules.exclusions import exclude
from syncapp.services.rules.validation import set_rule as set_validation
from tests.api.test_collection_rules import both  # noqa: F401  (the same fixture)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("both")]


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_rules", *arguments, stdout=out)
    return out.getvalue().strip()


def test_rules_are_set_by_options_listed_shown_and_deleted() -> None:
    assert command() == "No collection rules: the general settings apply"
    exclude("temp_*")
    said = command(
        "set", "orders", "--priority", "10", "--number", "stock=sum", "--array", "lines=key:sku",
        "--array", "tags=union", "--no-deletes", "localToAtlas", "--own-field", "lastSync", "--filter", '{"shop": "a"}',
    )  # fmt: skip
    assert said.endswith("orders matches now: Local: orders; Atlas: orders")
    command("set", "orders", "--urgency", "first", "--masked-field", "customer.phone")
    stored = CollectionRule.objects.get().as_document()
    assert (stored["numbers"], stored["urgency"]) == ({"stock": "sum"}, "first"), "other parts stay"
    assert stored["arrays"] == {"lines": {"key": "sku"}, "tags": "union"}
    assert stored["deletes"] == {"localToAtlas": False, "atlasToLocal": True}
    command("set", '{"pattern": "*", "direction": "localToAtlas"}')
    set_validation("bills", {"required": ["total"]})
    lines = command("list").splitlines()
    assert lines[1].startswith(
        "rule            10  orders: numbers: stock sum; arrays: lines by sku, tags union;"
    )
    del lines[1]
    assert lines == [
        "exclusion           temp_*: Excluded: not pulled from Atlas, still pushed",
        "rule           100  *: local → Atlas only",
        "validation          bills: Validation rule: what it does not allow is rejected",
    ]
    assert json.loads(command("list", "--json"))["rules"][0]["pattern"] == "orders"
    shown = command("show", "orders")
    assert shown.startswith(
        "orders matches it, with priority 10, and is asked before * (100), which does not count."
    )
    assert json.loads(command("show", "temp_1", "--json"))["exclusions"] == ["temp_*"]
    assert command("delete", "orders") == "The rule orders is removed"
    command("set", "orders", "--urgency", "last")
    assert json.loads(command("delete", "orders", "--json")) == {"removed": "orders"}
    assert AuditEntry.objects.filter(action__contains="collection rule").exclude(typed_by="").count() == 6


def test_a_preview_changes_nothing(tmp_path: Path) -> None:
    said = command("preview", "orders", "--filter", '{"shop": "a"}')
    assert 'orders: new rule; filter: {} → {"shop": "a"}' in said
    assert "1 dropped here, not on Atlas: no match" in said
    assert not CollectionRule.objects.exists()
    file = tmp_path / "rules.json"
    file.write_text('{"format": 1, "rules": [{"pattern": "bills", "urgency": "first"}]}')
    assert "bills: new rule" in command("preview", str(file), "--file")
    assert json.loads(command("preview", "orders", "--direction", "none", "--json"))["whole"]
    assert command("preview", "orders") == "orders: new rule\nNo collection's rule changes now"


def test_a_file_is_exported_and_imported(tmp_path: Path) -> None:
    command("set", "orders", "--urgency", "first")
    file = tmp_path / "rules.json"
    file.write_text(command("export"))
    command("set", "orders", "--urgency", "last")
    assert command("import", str(file)) == 'orders: urgency: "last" → "first"'
    assert command("import", str(file)) == "orders: unchanged"
    exclude("temp_*")
    said = command("preview", str(file), "--file")
    assert said == "Exclusion temp_*: removed\nNo collection's rule changes now"
    assert command("import", str(file)).splitlines() == ["orders: unchanged", "Exclusion temp_*: removed"]
    assert AuditEntry.objects.first().action == "include collection"  # type: ignore[union-attr]


def test_documents_are_checked() -> None:
    assert command("check", "orders") == "No validation applies to these collections"
    out = io.StringIO()
    with pytest.raises(SystemExit) as refused:
        call_command(
            "sync_rules",
            "check",
            "orders",
            "--validation",
            '{"properties": {"total": {"maximum": 5}}}',
            stdout=out,
        )
    assert refused.value.code == 1
    assert "orders: 0 of 3 here, 1 of 5 on Atlas would be refused" in out.getvalue()
    assert "on Atlas 2: Validation rule orders: total is 9" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["show"], "show takes a collection"),
        (["list", "orders"], "list takes nothing more"),
        (["set", "a b"], 'pattern is "a b"; allowed: the name of a collection'),
        (["set", "orders", "--number", "stock"], "--number stock is no FIELD=HOW"),
        (["set", "orders", "--number", "stock=add"], 'numbers.stock is "add"; allowed: last, min'),
        (["set", "orders", "--filter", "{"], "--filter is not JSON"),
        (["set", '{"pattern": "orders"}', "--urgency", "first"], "not both"),
        (["delete", "orders"], "There is no collection rule for orders"),
        (["import", "/nowhere.json"], "/nowhere.json cannot be read"),
        (["set", "orders", "--filter", ""], "--filter is not JSON"),
        (["check", "orders", "--validation", ""], "--validation is not JSON"),
        (["preview", "orders", "--seconds", "nan"], "--seconds is nan; allowed: a number of at least 0"),
        (["preview", "orders", "--seconds", "-1"], "--seconds is -1; allowed: a number of at least 0"),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(CommandError) as refused:
        command(*arguments)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.returncode == 2, "1: check has found something"
    assert not CollectionRule.objects.exists()
