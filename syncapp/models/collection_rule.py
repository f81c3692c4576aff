"""What an operator has laid down for the collections of a pattern: rules, exclusions and validation rules, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from syncapp.core.rule.collection_rule import CollectionRule as Value
from syncapp.core.rule.patterns import LONGEST, WrongPattern, check_pattern
from syncapp.models.choices import RuleKind


def validate_pattern(value: str) -> None:
    try:
        check_pattern(value)
    except WrongPattern as wrong:
        raise ValidationError(f"{value!r} is not allowed; allowed: {wrong}") from None


class OfKind(models.Manager[Any]):
    """The rows of the model's kind alone."""

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(kind=self.model.KIND)


class CollectionRule(models.Model):
    """Of the rules that match a collection the first counts, alone; of exclusions and validation rules all do."""

    KIND = RuleKind.RULE

    kind = models.CharField(max_length=10, choices=RuleKind.choices, default=RuleKind.RULE, editable=False)
    pattern = models.CharField(max_length=LONGEST, validators=[validate_pattern])
    priority = models.IntegerField(default=100)  # of rules: the lowest number is asked first
    # Of a rule: core/rule/collection_rule.py, as_stored; of a validation rule its schema, as in MongoDB's $jsonSchema, as a text
    document = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = OfKind()
    of_all_kinds = models.Manager()

    class Meta:
        ordering = ["priority", "pattern"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "pattern"], name="one_of_a_kind_for_a_pattern")
        ]
        # Not "view_…": whoever looks at sync is given all permissions of that name
        permissions = [("see_masked", "Can see the fields that collection rules mask")]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **(named if args else {"kind": self.KIND, **named}))

    def __str__(self) -> str:
        return self.pattern

    def clean(self) -> None:
        """The constraint says the same, but not at the field."""
        if type(self).objects.filter(pattern=self.pattern).exclude(pk=self.pk).exists():
            raise ValidationError({"pattern": self.unique_error_message(type(self), ("pattern",))})

    def as_document(self) -> dict[str, Any]:
        """As API and files have it."""
        return Value.of(self.document).as_document()

    @staticmethod
    def columns(document: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored of it, beside its pattern."""
        rule = Value.of(document)
        return {"priority": rule.priority, "document": rule.as_stored()}
