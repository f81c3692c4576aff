"""A form's field for JSON, which refuses what is nested too deeply like anything else that it cannot read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput


class JsonField(forms.JSONField):
    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """For the page that shows it again."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)
