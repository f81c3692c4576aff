"""The one service that changes validation rules. API and admin call it; each change is in the audit log, and
the workers read the rules again."""

from __future__ import annotations

import json

from django.db import transaction

from syncapp.models import ValidationRule
from syncapp.rules.schema_check import WrongSchema, new_rule
from syncapp.rules.switches import Actor, audit, raise_version

__all__ = ["WrongSchema", "remove_rule", "set_rule"]


@transaction.atomic
def set_rule(pattern: str, schema: object, user: Actor = None) -> ValidationRule:
    """Let documents of these collections travel only if they are like this. What is so already is left alone.

    Raises WrongSchema, or Django's ValidationError for a wrong pattern.
    """
    wanted = new_rule(schema)
    rule = ValidationRule.objects.select_for_update().filter(pattern=pattern).first()
    if rule is not None and json.dumps(rule.schema) == json.dumps(wanted):
        return rule
    rule = rule or ValidationRule(pattern=pattern)
    rule.schema = wanted
    rule.full_clean()
    rule.save()
    audit(user, "set validation rule", f"{pattern}: {json.dumps(wanted, ensure_ascii=False)}")
    raise_version()
    return rule


@transaction.atomic
def remove_rule(pattern: str, user: Actor = None) -> bool:
    """False: there is no rule of this pattern."""
    deleted, _ = ValidationRule.objects.filter(pattern=pattern).delete()
    if deleted:
        audit(user, "remove validation rule", pattern)
        raise_version()
    return bool(deleted)
