"""Fields whose errors contain the field's name, the value, and what is allowed.

In JSON a field accepts its own type only; in a form or a query everything is text.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from django.core.validators import RegexValidator
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from syncapp.core.rule import patterns
from syncapp.services.errors import WrongInput, wrong_value
from syncapp.services.rules.patterns import check

ONE_LINE = r"\A[^\x00-\x1f\x7f-\x9f]*\Z"
LONGEST_TEXT = 1_000


def _invalid(error: WrongInput) -> serializers.ValidationError:
    """Collected by serializers, so that all wrong fields are reported together."""
    return serializers.ValidationError(error.detail)


class Named:
    """Replaces the framework's error messages; `allowed` completes the sentence."""

    allowed = ""
    secret = False  # its value is not repeated
    field_name: Any
    # In a form a missing checkbox means "off" for the framework: here it means absent
    default_empty_html = serializers.empty

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is serializers.empty and self.required:  # type: ignore[attr-defined]
            raise serializers.ValidationError(f"{self.field_name} is missing; allowed: {self.allowed}")
        try:
            return super().run_validation(data)  # type: ignore[misc]
        except serializers.ValidationError:
            given = "***" if self.secret else data
            raise _invalid(wrong_value(self.field_name, given, self.allowed)) from None

    @property
    def from_text(self) -> bool:
        """Does the value come from a form or a query."""
        return bool(self.context.get("text"))  # type: ignore[attr-defined]


class Changes(serializers.Serializer):
    """What is not given stays; something has to be given."""

    least_properties = 1

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"nothing is given; allowed: {', '.join(self.fields)}")
        return attrs


class Boolean(Named, serializers.BooleanField):
    """true or false: no "yes", no 1."""

    allowed = "true or false"

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if self.from_text and isinstance(data, str) and data.lower() in ("true", "false"):
            return data.lower() == "true"
        raise serializers.ValidationError(self.allowed)


@extend_schema_field({"type": "boolean", "enum": [True]})
class Yes(Boolean):
    """Only `true` is accepted."""

    allowed = "true"

    def to_internal_value(self, data: Any) -> bool:
        if not super().to_internal_value(data):
            raise serializers.ValidationError(self.allowed)
        return True


class Choice(Named, serializers.ChoiceField):
    @property
    def allowed(self) -> str:  # type: ignore[override]
        return ", ".join(str(choice) for choice in self.choices)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError(self.allowed)
        return super().to_internal_value(data)


class Moment(Named, serializers.DateTimeField):
    allowed = "a time such as 2026-03-01T12:00:00Z"

    def to_internal_value(self, value: Any) -> dt.datetime:
        try:
            found = parse_datetime(value) if isinstance(value, str) else None
            # In UTC: at either end of the calendar the conversion may fail, and the database needs it
            return (make_aware(found) if is_naive(found) else found).astimezone(dt.UTC)  # type: ignore[arg-type,union-attr]
        except (ValueError, OverflowError, AttributeError):  # no such day, or no time at all
            raise serializers.ValidationError(self.allowed) from None


class Text(Named, serializers.CharField):
    """A text described by `allowed`: one line, not trimmed."""

    form = ONE_LINE

    def __init__(self, allowed: str, **options: Any) -> None:
        # Where an empty text is allowed, the framework accepts it before it checks the length
        limits = {"max_length": LONGEST_TEXT, "min_length": 1, "trim_whitespace": False}
        super().__init__(**{**limits, **options})
        self.allowed = allowed
        self.validators.append(RegexValidator(self.form))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):  # the framework would accept 0 as "0"
            raise serializers.ValidationError(self.allowed)
        return str(super().to_internal_value(data))


class Pattern(Text):
    allowed = patterns.ALLOWED
    form = patterns.FORM

    def __init__(self, **options: Any) -> None:
        super().__init__(self.allowed, **{"max_length": patterns.LONGEST, **options})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            try:
                check(data)
            except WrongInput as error:
                raise _invalid(error) from None
        return super().run_validation(data)


class Name(Text):
    """Of an existing object, with any name that MongoDB accepts."""

    form = r"\A[^\x00]*\Z"


class Password(Name):
    secret = True

    def __init__(self, allowed: str, **options: Any) -> None:
        super().__init__(allowed, **{"max_length": 4_096, "style": {"input_type": "password"}, **options})


class CollectionName(Name):
    def __init__(self, **options: Any) -> None:
        super().__init__("the name of a collection", **{"max_length": 255, **options})


def document_id(**options: Any) -> Name:
    """A filter of lists of documents."""
    about = "a part of an _id in canonical extended JSON"
    return Name(about, required=False, help_text=about.capitalize(), **options)


def _is_whole(data: Any) -> bool:
    return isinstance(data, float) and data.is_integer()


class Whole(Named, serializers.IntegerField):
    """A whole number described by `allowed`."""

    def __init__(self, allowed: str, **options: Any) -> None:
        super().__init__(**options)
        self.allowed = allowed

    def to_internal_value(self, data: Any) -> int:
        # In JSON, 8.0 is a whole number too
        plain = (isinstance(data, int) and not isinstance(data, bool)) or _is_whole(data)
        digits = self.from_text and isinstance(data, str) and data.isascii() and data.isdigit()
        if not (plain or digits):
            raise serializers.ValidationError(self.allowed)
        return int(super().to_internal_value(int(data) if isinstance(data, float) else data))


class Number(Named, serializers.FloatField):
    """A number described by `allowed`; no infinity."""

    def __init__(self, allowed: str, **options: Any) -> None:
        super().__init__(**options)
        self.allowed = allowed

    def to_internal_value(self, data: Any) -> float:
        plain = isinstance(data, int | float) and not isinstance(data, bool)
        if not plain and not (self.from_text and isinstance(data, str)):
            raise serializers.ValidationError(self.allowed)
        try:
            found = float(data)
        except (ValueError, OverflowError):
            found = math.nan
        if not math.isfinite(found):
            raise serializers.ValidationError(self.allowed)
        return found
