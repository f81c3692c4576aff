"""The rules of alerts: for how long, from what threshold, whether at all. Their thresholds are those of health."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from monitoring.alerts import operations
from monitoring.alerts.catalogue import DEFAULTS
from monitoring.alerts.rules import Rule, rule_of
from monitoring.health.values import Code
from syncapp.admin.access import SeenByOperators
from syncapp.admin.refusals import as_invalid
from syncapp.core.text.durations import duration
from syncapp.models import AlertRule


def rule(row: AlertRule) -> Rule | None:
    """None: of another version of the product."""
    return rule_of(DEFAULTS[Code(row.code)], row) if row.code in list(Code) else None


class RuleForm(forms.ModelForm):
    class Meta:
        model = AlertRule
        fields = ("enabled", "for_seconds", "threshold", "critical")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        with as_invalid():
            operations.check_rule(AlertRule(code=self.instance.code, **given))
        return given


@admin.register(AlertRule)
class AlertRuleAdmin(SeenByOperators, ModelAdmin):
    form = RuleForm
    list_display = ("code", "on", "lasting", "bounds", "means")
    search_fields = ("code",)
    readonly_fields = ("means",)
    list_per_page = 50

    def get_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> list[str]:
        found = rule(obj) if obj else None
        names = ["means", "enabled", "for_seconds"]
        if found and found.threshold is not None:
            names.append("threshold")
        if found and found.critical is not None:
            names.append("critical")
        return names

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if field := form.base_fields.get("for_seconds"):
            field.label = "Fires after (seconds)"
        default = rule_of(DEFAULTS[Code(obj.code)]) if obj and obj.code in list(Code) else None
        if default:
            unit = default.as_document()["unit"]
            falling = default.default.bounds is not None and default.default.bounds.falling
            first, second = ("Below this", "Below this") if falling else ("From here on", "Above this")
            texts = {
                "for_seconds": f"Seconds that it must last before it fires. Empty: {default.for_s:,g}.",
                "threshold": f"{first} health is degraded ({unit}). Empty: {default.threshold or 0:.10g}.",
                "critical": f"{second} health is critical ({unit}). Empty: {default.critical or 0:.10g}.",
            }
            for name, text in texts.items():
                if field := form.base_fields.get(name):
                    field.help_text = text
        return form

    @display(description="On", boolean=True)
    def on(self, row: AlertRule) -> bool:
        return row.enabled

    @display(description="Fires after")
    def lasting(self, row: AlertRule) -> str:
        found = rule(row)
        if found is None:
            return "–"
        return duration(found.for_s) if found.for_s else "at once"

    @display(description="Threshold, critical")
    def bounds(self, row: AlertRule) -> str:
        found = rule(row)
        values = (
            [f"{one:.10g}" for one in (found.threshold, found.critical) if one is not None] if found else []
        )
        return f"{', '.join(values)} {found.as_document()['unit']}" if found and values else "–"

    @display(description="Means")
    def means(self, row: AlertRule) -> str:
        found = rule(row)
        return found.default.means if found else "–"

    def save_model(self, request: HttpRequest, obj: AlertRule, form: forms.ModelForm, change: bool) -> None:
        # Only what this user changed: an old page must not undo others' changes
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        operations.set_rule(obj.code, request.user, **changed)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)
