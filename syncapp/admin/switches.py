"""The toggle, the pause and the strategy: saved through the service, so that it is in the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldBooleanSwitchWidget

from syncapp.admin.access import SeenByOperators
from syncapp.core.strategies import offered
from syncapp.models import SyncSwitches
from syncapp.rules.switches import get_switches
from syncapp.services.switches import change_switches

HELP = {
    "enabled": "On: both directions. Off: one-way sync, local → Atlas; nothing is lost meanwhile.",
    "paused": "On: nothing is transferred in either direction.",
    "strategy": "Who wins when a document was changed on both sides. "
    + "; ".join(f"{one.name}: {one.about.replace(': ', ', ')}" for one in offered())
    + ". Every version that does not win is kept, and can be restored.",
}


@admin.register(SyncSwitches)
class SyncSwitchesAdmin(SeenByOperators, ModelAdmin):
    fieldsets = (
        (None, {"fields": ("enabled", "paused", "strategy")}),
        ("State", {"fields": (("version", "changed_at"),)}),
    )
    readonly_fields = ("version", "changed_at")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is only one row: show its page instead of the list."""
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        return HttpResponseRedirect(reverse("admin:syncapp_syncswitches_change", args=[get_switches().pk]))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        for name, text in HELP.items():
            if field := form.base_fields.get(name):
                field.help_text = text
                # The shown values are submitted too: if somebody else has switched meanwhile, only
                # what this user changed counts as changed
                field.show_hidden_initial = True
                if name != "strategy":
                    field.widget = UnfoldBooleanSwitchWidget()
        return form

    def save_model(self, request: HttpRequest, obj: SyncSwitches, form: ModelForm, change: bool) -> None:
        # Only what this user changed: an old page must not undo others' changes
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        change_switches(request.user, **values)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_operate_permission(request)
