"""The one service that changes validation rules. API and admin call it; each change is in the audit log, and
the workers reload the rules."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from syncapp.models import ValidationRule
from syncapp.models.choices import RuleKind
from syncapp.rules.schema_check import WrongSchema, new_rule
from syncapp.rules.switches import Actor
from syncapp.services.errors import NotFound, WrongInput
from syncapp.services.rules import patterns
from syncapp.services.rules.rule_changes import Change, write


def checked(schema: object) -> dict[str, Any]:
    """The schema in its stored form. Raises WrongInput."""
    try:
        return new_rule(schema)
    except WrongSchema as error:
        raise WrongInput(str(error), "schema") from None


@transaction.atomic
def set_rule(pattern: str, schema: object, user: Actor = None) -> ValidationRule:
    """Allow only matching documents of these collections to be transferred. An unchanged rule is not written.

    Raises WrongInput.
    """
    wanted = checked(schema)
    rule = ValidationRule.objects.select_for_update().filter(pattern=pattern).first()
    after = {"pattern": pattern, "schema": wanted}
    change = Change.of(RuleKind.VALIDATION, pattern, rule, after)
    if rule is not None and change.what == "unchanged":
        return rule
    patterns.check(pattern)
    return write(change, user)


@transaction.atomic
def remove_rule(pattern: str, user: Actor = None) -> None:
    """Raises NotFound."""
    rule = ValidationRule.objects.select_for_update().filter(pattern=pattern).first()
    if rule is None:
        raise NotFound(f"There is no validation rule for {pattern}", "pattern")
    write(Change.of(RuleKind.VALIDATION, pattern, rule, None), user)
