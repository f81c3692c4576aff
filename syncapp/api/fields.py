"""Fields whose refusal says the field's name, the value, and what is allowed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from rest_framework import serializers

from syncapp.api.errors import wrong


class Named:
    """Takes the framework's check and says it in our words; `allowed` finishes the sentence."""

    allowed = ""
    field_name: Any

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is serializers.empty and self.required:  # type: ignore[attr-defined]
            raise serializers.ValidationError(f"{self.field_name} is missing; allowed: {self.allowed}")
        try:
            return super().run_validation(data)  # type: ignore[misc]
        except serializers.ValidationError:
            raise wrong(self.field_name, data, self.allowed) from None


class Boolean(Named, serializers.BooleanField):
    """JSON's true or false (and the words, for forms and queries): no "yes", no 1."""

    allowed = "true or false"
    TRUE_VALUES = {True, "true", "True"}
    FALSE_VALUES = {False, "false", "False"}

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if isinstance(data, str) and data.lower() in ("true", "false"):
            return data.lower() == "true"
        raise serializers.ValidationError(self.allowed)


class Choice(Named, serializers.ChoiceField):
    @property
    def allowed(self) -> str:  # type: ignore[override]
        return ", ".join(str(choice) for choice in self.choices)


class Moment(Named, serializers.DateTimeField):
    allowed = "a time such as 2026-03-01T12:00:00Z"

    def to_internal_value(self, value: Any) -> datetime:
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:  # well formed, but no such day
            found = None
        if found is None:
            raise serializers.ValidationError(self.allowed)
        return make_aware(found) if is_naive(found) else found


class Pattern(Named, serializers.CharField):
    allowed = "the name of a collection or a glob pattern such as temp_*, without spaces, commas or $"


class Text(Named, serializers.CharField):
    """A text of which `allowed` says what it is."""

    def __init__(self, allowed: str, **options: Any) -> None:
        super().__init__(**options)
        self.allowed = allowed
