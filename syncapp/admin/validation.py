"""Validation rules: edited as JSON, and saved through the service, so that each change is in the audit log."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from syncapp.admin.base import OfPattern, block, say_matches
from syncapp.admin.json_field import JsonField
from syncapp.admin.refusals import as_invalid
from syncapp.admin.validation_check import errors_of, fragment
from syncapp.core.text.plain_ids import shorter
from syncapp.models import ValidationRule
from syncapp.services.rules.validation import checked, set_rule

EXAMPLE = """{
  "bsonType": "object",
  "required": ["total"],
  "properties": {"total": {"bsonType": ["int", "decimal"], "minimum": 0}}
}"""


class SchemaField(JsonField):
    """JSON of a validation rule, formatted for editing."""

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else value

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        with as_invalid():
            checked(found)
        return found


class RuleForm(forms.ModelForm):
    schema = SchemaField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 18, "class": "font-mono", "placeholder": EXAMPLE}),
        help_text="As in MongoDB's $jsonSchema. Existing documents are checked by the button below; what is refused becomes a rejected change.",
    )

    class Meta:
        model = ValidationRule
        fields = ("pattern", "schema")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["schema"] = self.instance.schema or None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        self.instance.schema = given.get("schema", {})
        return given


@admin.register(ValidationRule)
class ValidationRuleAdmin(OfPattern):
    form = RuleForm
    change_form_after_template = "syncapp/validation_check_button.html"
    empty_text = "No validation rules: documents are checked by the other side's server only."
    list_display = ("pattern", "summary", "changed_at")
    search_fields = ("pattern",)
    fields = ("pattern", "schema")

    @display(description="Schema")
    def summary(self, rule: ValidationRule) -> str:
        return shorter(json.dumps(rule.schema, ensure_ascii=False), 100)

    @display(description="Schema")
    def schema(self, rule: ValidationRule) -> SafeString:
        """For whoever may only look."""
        return block(rule.schema)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.check_view))
        places = ("check/", "<int:object_id>/check/")
        return [
            *(path(place, view, name="syncapp_validation_check") for place in places),
            *super().get_urls(),
        ]

    def check_view(self, request: HttpRequest, object_id: int | None = None) -> HttpResponse:
        """Which documents the schema in the form would refuse, as a fragment of the page."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        rule = get_object_or_404(ValidationRule, pk=object_id) if object_id else None
        form = self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule)
        if not form.is_valid():
            return render(request, "syncapp/validation_check.html", {"errors": errors_of(form)})
        return fragment(request, form.instance.pattern, form.instance.schema)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("pattern",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: ValidationRule, form: forms.ModelForm, change: bool
    ) -> None:
        obj.pk = set_rule(obj.pattern, obj.schema, request.user).pk
        say_matches(request, obj.pattern)
