"""Collection rules in the API: set, listed, explained, previewed, exchanged, removed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from pymongo.database import Database
from rest_framework.test import APIClient

from syncapp.core.rule.collection_rule import CollectionRule as Value
from syncapp.embedded.mongod import Mongod
from syncapp.models import AuditEntry, CollectionRule, ExcludedCollection
from syncapp.rules import stored
from syncapp.rules.switches import get_switches
from syncapp.services.rules.exclusions import exclude
from syncapp.services.rules.validation import set_rule
from tests.api.conftest import ROOT, Change
from tests.support import rows

pytestmark = pytest.mark.django_db
RULES = f"{ROOT}/rules"
RULE = {
    "pattern": "orders",
    "priority": 10,
    "strategy": "local-wins",
    "filter": {"shop": "a"},
    "deletes": {"localToAtlas": False},
    "ownFields": ["lastSync"],
    "maskedFields": ["customer.phone"],
}


@pytest.fixture
def both(
    local_server: Mongod,
    local_db: Database[Any],
    atlas_server: Mongod,
    atlas_db: Database[Any],
    change_settings: Change,
) -> tuple[Database[Any], Database[Any]]:
    """Four orders: of two shops, one on Atlas alone, one that differs."""
    orders = [{"_id": number, "shop": "ab"[number % 2], "total": number} for number in range(4)]
    local_db["orders"].insert_many(orders[:3])
    atlas_db["orders"].insert_many(
        [*orders[:2], {**orders[2], "total": 9}, orders[3], {**orders[0], "_id": 8}]
    )
    local_db["bills"].insert_one({"_id": 1})
    change_settings(
        mongodb_uri=local_server.uri(local_db.name), mongodb_atlas_uri=atlas_server.uri(atlas_db.name)
    )
    return local_db, atlas_db


def put(client: APIClient, rule: Any) -> Any:
    return client.put(RULES, rule, format="json")


def post(client: APIClient, address: str, body: Any) -> Any:
    return client.post(f"{RULES}/{address}", body, format="json")


def test_a_rule_is_set_listed_and_removed(both: Any, operator: APIClient, operator_user: User) -> None:
    answer = put(operator, RULE)
    assert answer.status_code == 200
    rule = {name: value for name, value in answer.json().items() if name in Value().as_document()}
    assert rule == Value.of(RULE).as_document()
    assert answer.json()["matches"]["local"] == {"count": 1, "collections": ["orders"]}
    version = get_switches().version
    assert put(operator, RULE).status_code == 200
    assert get_switches().version == version, "an unchanged rule is not written"
    assert put(operator, {"pattern": "*", "urgency": "last"}).status_code == 200
    assert get_switches().version == version + 1, "the workers read the rules again"
    body = operator.get(RULES).json()
    assert [one["pattern"] for one in body["results"]] == ["orders", "*"]
    assert "local deletes do not go to Atlas" in body["results"][0]["effects"]
    assert len(stored.read().collection_rules) == 2
    assert operator.delete(RULES, {"pattern": "*"}, format="json").status_code == 204
    assert operator.delete(f"{RULES}?pattern=*").status_code == 404
    entries = AuditEntry.objects.filter(user=operator_user).order_by("id").values_list("action", "detail")
    assert entries[1] == ("set collection rule", '*: new rule; urgency: "normal" → "last"')
    assert entries[2] == ("remove collection rule", '*: no rule any more; urgency: "last" → "normal"')
    put(operator, {**RULE, "priority": 20})
    assert AuditEntry.objects.first().detail == "orders: priority: 10 → 20"  # type: ignore[union-attr]


def test_exclusions_and_validation_rules_are_listed_beside(both: Any, operator: APIClient) -> None:
    exclude("temp_*")
    set_rule("bills", {"required": ["total"]})
    beside = operator.get(RULES).json()["beside"]
    assert [(one["kind"], one["pattern"]) for one in beside] == [
        ("excludedcollection", "temp_*"),
        ("validationrule", "bills"),
    ]
    assert beside[0]["effect"] == "Excluded: not pulled from Atlas, still pushed"


@pytest.mark.parametrize(
    ("part", "value", "field", "line"),
    [
        ("arrays", {"tags": "merge"}, "arrays.tags", 'arrays.tags is "merge"; allowed: replace, union'),
        ("filter", {"$where": "1"}, "filter", "$where cannot be part of it"),
        ("filter", {"a": {"$gtt": 1}}, "filter", "MongoDB says: unknown operator: $gtt"),
        ("filter", {"$nor": []}, "filter", "MongoDB says: $and/$or/$nor must be a nonempty array"),
        ("priority", "10", "priority", 'priority is "10"; allowed: a whole number'),
        ("colour", "red", None, "colour is unknown; allowed: pattern, priority"),
    ],
)
def test_a_wrong_rule_is_named_at_its_field(
    both: Any, operator: APIClient, part: str, value: Any, field: str, line: str
) -> None:
    answer = put(operator, {"pattern": "orders", part: value})
    assert answer.status_code == 400
    assert line in answer.json()["detail"]
    assert answer.json()["field"] == field
    assert not CollectionRule.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_resolver_must_be_there(operator: APIClient, change_settings: Change) -> None:
    rule = {"pattern": "orders", "strategy": "callable", "resolver": "tests.support.resolvers.nothing"}
    refused = put(operator, rule)
    assert (refused.status_code, refused.json()["field"]) == (400, "resolver")
    assert "allowed: a function of the modules" in refused.json()["detail"]
    change_settings(sync_resolver_modules=("tests.support",))
    assert "has no function nothing" in put(operator, rule).json()["detail"]
    missing = put(operator, {**rule, "resolver": ""}).json()
    assert missing["detail"] == "resolver is missing: the strategy callable asks it"


def test_a_filter_is_tried_without_documents(both: Any, operator: APIClient) -> None:
    """Another collection's documents need not have the fields."""
    local, _ = both
    local["_sync_metadata"].insert_one({"_id": "instance"})
    long = {"$expr": {"$gt": [{"$strLenCP": "$name"}, 3]}}
    assert put(operator, {"pattern": "orders", "filter": long}).status_code == 200
    answer = post(operator, "preview", {"rule": {"pattern": "bills", "filter": long}}).json()
    (bills,) = answer["collections"]
    assert "The filter fails" in " ".join(bills["effects"])


def test_a_filter_needs_the_local_server(operator: APIClient, change_settings: Change) -> None:
    change_settings(mongodb_uri="", mongodb_atlas_uri="")
    assert put(operator, RULE).status_code == 503
    assert put(operator, {"pattern": "orders"}).status_code == 200


def test_readers_read_and_operators_change(both: Any, reader: APIClient, anybody: APIClient) -> None:
    for address in (RULES, f"{RULES}/for?collection=orders", f"{RULES}/export"):
        assert anybody.get(address).status_code == 401
        assert reader.get(address).status_code == 200
    assert put(reader, RULE).status_code == 403
    assert reader.delete(f"{RULES}?pattern=orders").status_code == 403
    for address in ("import", "preview", "check"):
        assert post(reader, address, {}).status_code == 403


def test_why_a_collection_gets_its_rule(both: Any, operator: APIClient) -> None:
    for rule in (RULE, {"pattern": "ord*", "priority": 20}, {"pattern": "*"}):
        put(operator, rule)
    exclude("ord*")
    set_rule("o*", {"required": ["total"]})
    rows.device(halts=[rows.halt()])
    found = operator.get(f"{RULES}/for?collection=orders").json()
    assert found["rule"] == Value.of(RULE).as_document()
    assert found["because"] == (
        "orders matches it, with priority 10, and is asked before ord* (20), * (100), which do not count"
    )
    assert (found["exclusions"], found["validationRules"]) == (["ord*"], ["o*"])
    assert (found["strategy"], found["strategyFrom"]) == ("local-wins", "rule")
    assert found["halts"] == ["900 of 1,000 documents were deleted"]
    CollectionRule.objects.all().delete()
    found = operator.get(f"{RULES}/for?collection=orders").json()
    assert (found["rule"], found["because"]) == (None, "No collection rule matches it")
    assert (found["strategy"], found["strategyFrom"]) == ("last-write-wins", "general")
    assert operator.get(f"{RULES}/for").status_code == 400


def test_a_file_replaces_all_rules_or_none(both: Any, operator: APIClient) -> None:
    put(operator, RULE)
    put(operator, {"pattern": "old_*"})
    file = operator.get(f"{RULES}/export").json()
    assert (file["format"], [one["pattern"] for one in file["rules"]]) == (1, ["orders", "old_*"])
    assert [one["what"] for one in post(operator, "import", file).json()["rules"]] == ["unchanged"] * 2
    wanted = {"format": 1, "rules": [{**RULE, "priority": 5}, {"pattern": "new_*"}]}
    broken = {"format": 1, "rules": [*wanted["rules"], {"pattern": "x", "numbers": {"a": "add"}}]}  # type: ignore[misc]
    refused = post(operator, "import", broken)
    assert (refused.status_code, refused.json()["field"]) == (400, "rules.2.numbers.a")
    assert operator.get(f"{RULES}/export").json() == file
    told = post(operator, "import", wanted).json()["rules"]
    assert [(one["pattern"], one["what"]) for one in told] == [
        ("new_*", "added"), ("old_*", "removed"), ("orders", "changed"),
    ]  # fmt: skip
    assert told[2]["parts"] == [{"part": "priority", "before": 10, "after": 5}]
    assert [one["pattern"] for one in operator.get(RULES).json()["results"]] == ["orders", "new_*"]


def test_a_file_has_exclusions_and_validation_rules_too(
    both: Any, operator: APIClient, operator_user: User
) -> None:
    put(operator, {"pattern": "orders", "priority": 10})
    for pattern in ("temp_*", "old_*"):
        exclude(pattern)
    ExcludedCollection.objects.create(pattern="_sync_metadata")  # of the environment's default
    set_rule("bills", {"required": ["total"]})
    file = operator.get(f"{RULES}/export").json()
    assert [one["pattern"] for one in file["rules"]] == ["orders"]
    assert file["exclusions"] == [{"pattern": name} for name in ("_sync_metadata", "old_*", "temp_*")]
    assert file["validationRules"] == [{"pattern": "bills", "schema": {"required": ["total"]}}]
    assert {one["what"] for one in post(operator, "import", file).json()["rules"]} == {"unchanged"}
    ExcludedCollection.objects.all().delete()
    wanted = {
        **file,
        "exclusions": [*file["exclusions"], {"pattern": "bills"}],
        "validationRules": [
            {"pattern": "bills", "schema": {"required": ["shop"]}},
            {"pattern": "x*", "schema": 5},
        ],
    }
    entries = AuditEntry.objects.count()
    refused = post(operator, "import", wanted)
    assert (refused.status_code, refused.json()["field"]) == (400, "validationRules.1.schema")
    assert refused.json()["detail"].startswith("Validation rule 2: schema is 5; allowed: an object")
    assert (ExcludedCollection.objects.count(), AuditEntry.objects.count()) == (0, entries), "all or nothing"
    wanted["validationRules"].pop()
    told = post(operator, "import", wanted).json()["rules"]
    assert [(one["kind"], one["pattern"], one["what"]) for one in told] == [
        ("rule", "orders", "unchanged"),
        *(("exclusion", name, "added") for name in ("_sync_metadata", "bills", "old_*", "temp_*")),
        ("validation", "bills", "changed"),
    ]
    assert told[-1]["parts"] == [
        {"part": "schema", "before": {"required": ["total"]}, "after": {"required": ["shop"]}}
    ]
    changed = AuditEntry.objects.filter(user=operator_user, id__gt=entries).order_by("id")
    assert [(one.action, one.detail) for one in changed][-2:] == [
        ("exclude collection", "temp_*"),
        ("set validation rule", 'bills: {"required": ["shop"]}'),
    ]
    assert changed.last().before == {"pattern": "bills", "schema": {"required": ["total"]}}  # type: ignore[union-attr]
    found = stored.read()
    assert (found.patterns, len(found.collection_rules)) == (
        ("_sync_metadata", "bills", "old_*", "temp_*"),
        1,
    )


def test_a_file_replaces_only_what_it_names(both: Any, operator: APIClient) -> None:
    put(operator, {"pattern": "orders"})
    exclude("temp_*")
    set_rule("bills", {"required": ["total"]})
    before = operator.get(f"{RULES}/export").json()
    post(operator, "import", {"format": 1, "rules": []})  # as earlier versions exported
    assert operator.get(f"{RULES}/export").json() == {**before, "rules": []}
    post(operator, "import", {"format": 1, "exclusions": [], "rules": before["rules"]})
    assert operator.get(f"{RULES}/export").json() == {**before, "exclusions": []}


def test_a_preview_says_what_exclusions_and_validation_rules_of_a_file_do(
    both: Any, operator: APIClient
) -> None:
    exclude("orders")
    file = {
        "format": 1,
        "exclusions": [{"pattern": "bill?"}],
        "validationRules": [{"pattern": "orders", "schema": {"properties": {"total": {"maximum": 5}}}}],
    }
    body = post(operator, "preview", {"file": file}).json()
    assert [(one["kind"], one["pattern"], one["what"]) for one in body["rules"]] == [
        ("exclusion", "bill?", "added"),
        ("exclusion", "orders", "removed"),
        ("validation", "orders", "added"),
    ]
    bills, orders = body["collections"]
    assert bills["parts"] == [{"part": "excluded", "before": False, "after": True}]
    assert "The collection is excluded: nothing comes from Atlas, whatever its rule says" in bills["effects"]
    assert [one["part"] for one in orders["parts"]] == ["excluded", "validationRules"]
    assert (orders["documents"]["come"], orders["refused"]) == (2, {"local": 0, "atlas": 1})
    assert "The collection is no longer excluded" in orders["effects"]
    assert post(operator, "preview", {"delete": "orders"}).status_code == 404, "it is no rule"
    assert list(ExcludedCollection.objects.values_list("pattern", flat=True)) == ["orders"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ({}, "allowed: an export"),
        ({"format": 1}, "allowed: an export"),
        ({"format": 1, "exclusions": ["temp_*"]}, 'Exclusion 1: it is "temp_*"; allowed: an object such as'),
        (
            {"format": 1, "exclusions": [{"pattern": "a b"}]},
            'Exclusion 1: pattern is "a b"; allowed: the name',
        ),
        ({"format": 1, "exclusions": [{"pattern": "_sync_state"}]}, "never synchronised"),
        (
            {"format": 1, "validationRules": [{"pattern": {}, "schema": {}}]},
            "pattern is {}; allowed: the name",
        ),
        ({"format": 1, "validationRules": [{"pattern": "a"}]}, "Validation rule 1: it is {"),
        ({"format": 1, "exclusions": [{"pattern": "a"}, {"pattern": "a"}]}, "two for the pattern a"),
        ({"format": 2, "rules": []}, "format is 2; allowed: 1"),
        ({"format": 1, "rules": {}}, "rules is {}; allowed: a list"),
        ({"format": 1, "rules": [{"pattern": "a"}, {"pattern": "a"}]}, "two for the pattern a"),
        ({"format": 1, "rules": [5]}, "Rule 1: rule is 5; allowed: an object"),
    ],
)
def test_a_wrong_file_is_named(both: Any, operator: APIClient, file: Any, line: str) -> None:
    answer = post(operator, "import", file)
    assert answer.status_code == 400
    assert line in answer.json()["detail"]


def test_a_preview_counts_what_a_filter_does(both: Any, operator: APIClient) -> None:
    answer = post(operator, "preview", {"rule": {**RULE, "ownFields": ["total"]}})
    assert answer.status_code == 200
    body = answer.json()
    assert body["rules"][0]["what"] == "added"
    (orders,) = body["collections"]
    assert (orders["collection"], orders["whole"], orders["compared"]) == ("orders", True, 5)
    assert orders["matching"] == {"local": 2, "atlas": 3}
    # 0 and 2 match, 1 does not and is here; 3 does not and is not here; 8 matches and is not here
    assert orders["documents"]["dropped"] == 1
    assert orders["documents"]["come"] == 1
    assert orders["documents"]["conflicts"] == 0, "2 differs in an own field only"
    assert orders["documents"]["ownDiffer"] == 1
    assert "total: each side keeps the value that it has" in orders["effects"]
    whole = post(operator, "preview", {"rule": RULE}).json()
    assert whole["documents"]["conflicts"] == 1, "2 differs, and was never agreed on"
    assert not CollectionRule.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_preview_of_a_direction_of_deletes_and_of_a_removal(both: Any, operator: APIClient) -> None:
    local, _ = both
    local["orders"].insert_one({"_id": 20})
    up = post(operator, "preview", {"rule": {"pattern": "ord*", "direction": "localToAtlas"}}).json()
    assert (up["documents"]["go"], up["documents"]["come"], up["documents"]["differ"]) == (1, 0, 2)
    quiet = post(operator, "preview", {"rule": {"pattern": "*", "urgency": "last"}}).json()
    assert [one["moves"] for one in quiet["collections"]] == [False, False]
    put(operator, {"pattern": "orders", "direction": "none"})
    gone = post(operator, "preview", {"delete": "orders"}).json()
    assert (gone["rules"][0]["what"], gone["documents"]["come"]) == ("removed", 2)
    file = {"format": 1, "rules": []}
    assert post(operator, "preview", {"file": file}).json()["documents"] == gone["documents"]
    assert post(operator, "preview", {"delete": "bills"}).status_code == 404
    for body in ({}, {"delete": "orders", "file": file}, {"rule": {}}, {"rule": RULE, "seconds": 0}):
        assert post(operator, "preview", body).status_code == 400, body


def test_a_preview_that_is_a_sample_says_so(both: Any, operator: APIClient) -> None:
    local, _ = both
    local["orders"].insert_many({"_id": number} for number in range(100, 3_000))
    body = post(operator, "preview", {"rule": RULE, "seconds": 0.001}).json()
    (orders,) = body["collections"]
    assert not body["whole"]
    assert not orders["whole"]
    assert orders["effects"][0].startswith("A sample: ")
    every = post(
        operator, "preview", {"rule": {"pattern": "*", "direction": "none"}, "seconds": 0.001}
    ).json()
    assert (len(every["collections"]), every["collectionsLeft"]) == (1, 1)
    assert "1 further collections were not looked at" in every["remarks"]


def test_documents_are_checked_now(both: Any, operator: APIClient) -> None:
    nothing = post(operator, "check", {"pattern": "*"}).json()
    assert nothing == {"whole": True, "collectionsLeft": 0, "collections": []}
    put(operator, {"pattern": "orders", "validation": {"properties": {"total": {"maximum": 5}}}})
    (orders,) = post(operator, "check", {"pattern": "*"}).json()["collections"]
    assert orders["local"] == {"read": 3, "refused": 0, "samples": []}
    assert (orders["atlas"]["read"], orders["atlas"]["refused"]) == (5, 1)
    assert orders["atlas"]["samples"] == [
        {"id": '{"$numberInt": "2"}', "reason": "Validation rule orders: total is 9; allowed: at most 5"}
    ]
    given = post(operator, "check", {"pattern": "bills", "schema": {"required": ["total"]}}).json()
    assert given["collections"][0]["local"]["refused"] == 1
    assert post(operator, "check", {"pattern": "bills", "schema": {"x": 1}}).status_code == 400
