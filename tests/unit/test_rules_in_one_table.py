"""Migration 0017: exclusions and validation rules move into the table of collection rules and back, and nothing about them is
lost: their times, their history, and what groups and users may do with them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from syncapp.models import AuditEntry, CollectionRule, ExcludedCollection, SyncSwitches, ValidationRule
from syncapp.rules import stored
from syncapp.rules.switches import get_switches
from syncapp.services.access import roles
from syncapp.services.rules.collection_rules import set_rule as set_collection_rule
from syncapp.services.rules.validation import set_rule as set_schema

BEFORE, AFTER = "0016_masked_fields", "0017_one_model_of_rules"
SCHEMA = {"required": ["total"], "properties": {"total": {"enum": [{"b": 1, "a": 2}]}}}
LONG_AGO = dt.datetime(2025, 3, 1, 12, tzinfo=dt.UTC)

Migrate = Callable[[str], Any]


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Migrate]:
    """To a migration of syncapp; returns the models of that time. At the end all are there again."""

    def to(name: str) -> Any:
        executor = MigrationExecutor(connection)
        return executor.migrate([("syncapp", name)]).apps

    try:
        yield to
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def before(migrate: Migrate) -> Any:
    """An older version's tables, with rows: one pattern in all three. The ids of what moves change in the table."""
    old = migrate(BEFORE)
    rules, excluded, validation = (
        old.get_model("syncapp", name) for name in ("CollectionRule", "ExcludedCollection", "ValidationRule")
    )
    rules.objects.create(pattern="orders", priority=10, document={"pattern": "orders", "priority": 10})
    for pattern in ("gone", "orders", "[abc"):
        excluded.objects.create(pattern=pattern)
    excluded.objects.filter(pattern="gone").delete()
    excluded.objects.update(created_at=LONG_AGO)
    validation.objects.create(pattern="orders", schema=SCHEMA)
    validation.objects.update(created_at=LONG_AGO, changed_at=LONG_AGO + dt.timedelta(days=1))
    return old


def remember(row: Any, what: str) -> None:
    """In the history that Django's admin keeps."""
    user, _ = User.objects.get_or_create(username="olga")
    kind, _ = ContentType.objects.get_or_create(app_label="syncapp", model=row._meta.model_name)
    LogEntry.objects.create(
        user=user, content_type=kind, object_id=str(row.pk), object_repr=what, action_flag=CHANGE
    )


def remembered() -> set[tuple[str, str]]:
    return set(LogEntry.objects.values_list("object_repr", "object_id"))


def test_rows_move_with_their_times_and_their_history(migrate: Migrate, before: Any) -> None:
    for name in ("ExcludedCollection", "ValidationRule"):
        for row in before.get_model("syncapp", name).objects.all():
            remember(row, f"{name} {row.pattern}")
    migrate(AFTER)
    assert [one.pattern for one in CollectionRule.objects.all()] == ["orders"]
    assert [one.pattern for one in ExcludedCollection.objects.all()] == ["[abc", "orders"]
    assert {one.created_at for one in ExcludedCollection.objects.all()} == {LONG_AGO}
    rule = ValidationRule.objects.get()
    assert (rule.pattern, rule.schema) == ("orders", SCHEMA)
    assert (rule.created_at, rule.changed_at) == (LONG_AGO, LONG_AGO + dt.timedelta(days=1))
    kinds = (ExcludedCollection, ValidationRule)
    assert remembered() == {
        (f"{kind.__name__} {row.pattern}", str(row.pk)) for kind in kinds for row in kind.objects.all()
    }
    found = stored.read()
    assert (found.patterns, len(found.validation), len(found.collection_rules)) == (("[abc", "orders"), 1, 1)


def test_and_back(migrate: Migrate, before: Any) -> None:
    migrate(AFTER)
    ExcludedCollection.objects.create(pattern="later")
    for row in ExcludedCollection.objects.all():
        remember(row, row.pattern)
    old = migrate(BEFORE)
    excluded = old.get_model("syncapp", "ExcludedCollection").objects
    assert set(excluded.values_list("pattern", flat=True)) == {"[abc", "orders", "later"}
    assert excluded.get(pattern="orders").created_at == LONG_AGO
    assert remembered() == {(row.pattern, str(row.pk)) for row in excluded.all()}
    rule = old.get_model("syncapp", "ValidationRule").objects.get()
    assert (rule.schema, rule.created_at) == (SCHEMA, LONG_AGO)
    assert rule.changed_at == LONG_AGO + dt.timedelta(days=1)
    rules = old.get_model("syncapp", "CollectionRule").objects
    assert list(rules.values_list("pattern", flat=True)) == ["orders"]
    with pytest.raises(IntegrityError), transaction.atomic():
        rules.create(pattern="orders", document={})


def test_a_pattern_is_unique_within_a_kind(db: None) -> None:
    for kind in (CollectionRule, ExcludedCollection, ValidationRule):
        kind.objects.create(pattern="orders", document={"pattern": "orders"})
        with pytest.raises(IntegrityError), transaction.atomic():
            kind.objects.create(pattern="orders", document={})
    assert CollectionRule.of_all_kinds.count() == 3


def test_groups_and_users_keep_their_permissions(migrate: Migrate, before: Any) -> None:
    roles.seed()
    olga, paul = User.objects.create_user("olga"), User.objects.create_user("paul")
    olga.groups.add(Group.objects.get(name=roles.VIEWERS))
    allowed = before.get_model("auth", "Permission").objects.get(codename="view_validationrule")
    paul.user_permissions.add(allowed.pk)
    migrate(AFTER)
    for user, models in ((olga, ("excludedcollection", "validationrule")), (paul, ("validationrule",))):
        fresh = User.objects.get(pk=user.pk)
        assert all(roles.may_see(fresh, f"syncapp.{name}") for name in models)
    assert not roles.may_see(User.objects.get(pk=paul.pk), "syncapp.excludedcollection")


@pytest.mark.django_db
def test_what_is_set_again_as_it_is_is_no_change() -> None:
    """PostgreSQL sorts the fields of JSON, and writes 1e20 as a whole number."""
    schema = {
        "required": ["total"],
        "properties": {"total": {"maximum": 1e20}, "at": {"enum": [{"b": 1, "a": 2}]}},
    }
    before = get_switches().version
    rule = {
        "pattern": "orders",
        "numbers": {"stock": "sum", "at": "max"},
        "arrays": {"tags": "union", "a": "replace"},
    }
    for _ in range(2):
        set_schema("orders", schema)
        set_collection_rule(rule | {"validation": schema})
    assert AuditEntry.objects.count() == 2
    assert SyncSwitches.objects.get().version == before + 2
    assert json.dumps(ValidationRule.objects.get().as_document()["schema"]) == json.dumps(schema)
    found = CollectionRule.objects.get().as_document()
    for name, value in (*rule.items(), ("validation", schema)):
        assert json.dumps(found[name]) == json.dumps(value)
    assert json.loads(stored.read().validation[0][1]) == schema
