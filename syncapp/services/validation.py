"""The one service that changes validation rules. API and admin call it; each change is in the audit log, and
the workers reload the rules."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from syncapp.models import ValidationRule
from syncapp.rules.schema_check import WrongSchema, new_rule
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services import patterns
from syncapp.services.errors import NotFound, WrongInput


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
    if rule is not None and json.dumps(rule.schema) == json.dumps(wanted):
        return rule
    patterns.check(pattern)
    before = {"pattern": pattern, "schema": rule.schema} if rule is not None else None
    rule = rule or ValidationRule(pattern=pattern)
    rule.schema = wanted
    rule.save()
    detail = f"{pattern}: {json.dumps(wanted, ensure_ascii=False)}"
    audit(user, "set validation rule", detail, before, {"pattern": pattern, "schema": wanted})
    raise_version()
    return rule


@transaction.atomic
def remove_rule(pattern: str, user: Actor = None) -> None:
    """Raises NotFound."""
    rule = ValidationRule.objects.select_for_update().filter(pattern=pattern).first()
    if rule is None:
        raise NotFound(f"There is no validation rule for {pattern}", "pattern")
    rule.delete()
    audit(user, "remove validation rule", pattern, before={"pattern": pattern, "schema": rule.schema})
    raise_version()
