"""Channels of alerts: added, changed and removed by the service; a test of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from monitoring.alerts import channel_operations as operations
from monitoring.alerts.channel_operations import MASK
from monitoring.alerts.configured import kind_of
from monitoring.alerts.events import KINDS as EVENTS
from monitoring.alerts.kind import Kind, all_kinds
from syncapp.admin.access import ChangedByOperators
from syncapp.admin.base import redirect_to
from syncapp.admin.refusals import as_invalid, as_message
from syncapp.models import AlertChannel

SWITCHES = {"enabled": "Off: nothing is sent.", "alerts": "Off: events only."}
PREFIX = "option_"  # of a form's field: an option may be called as a field of the model


def options() -> list[str]:
    """Names of those of all kinds."""
    return list(dict.fromkeys(one.name for kind in all_kinds().values() for one in kind.options))


class ChannelForm(forms.ModelForm):
    kind = forms.ChoiceField(
        choices=[(one.name, one.about) for one in all_kinds().values() if one.options],
        widget=UnfoldAdminSelectWidget,
    )
    events = forms.MultipleChoiceField(
        choices=[(one, one) for one in EVENTS],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Sent to webhooks beside alerts, each as its own POST.",
    )

    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "enabled", "alerts", "events")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            return
        del self.fields["kind"]
        kind = kind_of(self.instance)
        if not (kind and kind.takes_events):
            del self.fields["events"]
        shown = operations.shown_options(self.instance)
        for name, value in shown.items():
            if field := self.fields.get(f"{PREFIX}{name}"):
                field.initial = value

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            with as_invalid():
                operations.check(self.instance, **wanted(given, list(given)))
        return given


def wanted(given: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Of a form, what the service takes."""
    found = {name: given[name] for name in names if not name.startswith(PREFIX)}
    typed = {name.removeprefix(PREFIX): given[name] for name in names if name.startswith(PREFIX)}
    return {**found, "options": typed} if typed else found


@admin.register(AlertChannel)
class AlertChannelAdmin(ChangedByOperators, ModelAdmin):
    form = ChannelForm
    empty_text = "No channels yet: `sync_setup` makes the log's."
    list_display = ("name", "kind", "on", "takes", "last_sent_at", "last_error")
    actions_detail = ("send_test",)
    search_fields = ("name",)
    unsearchable = ("options",)

    def get_fieldsets(self, request: HttpRequest, obj: AlertChannel | None = None) -> list:
        names = self._options(obj)
        sets: list[Any] = [(None, {"fields": ("name", "kind", tuple(SWITCHES))})]
        if names:
            sets.append(("Where to", {"fields": tuple(f"{PREFIX}{name}" for name in names)}))
        if obj is None or ((kind := kind_of(obj)) and kind.takes_events):
            sets.append(("Events for applications", {"fields": ("events",)}))
        if obj is not None:
            sets.append(("Sending", {"fields": (("last_sent_at", "failures", "retry_at"), "last_error")}))
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> tuple[str, ...]:
        state = ("last_sent_at", "failures", "retry_at", "last_error")
        return ("name", "kind", *state) if obj else state

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kinds = [kind_of(obj)] if obj else all_kinds().values()
        fields = {
            f"{PREFIX}{name}": _field(name, [one for one in kinds if one], stored=obj is not None)
            for name in self._options(obj)
        }
        kwargs["form"] = type("ChannelForm", (ChannelForm,), fields)
        form = super().get_form(request, obj, change=change, **kwargs)
        for name, text in SWITCHES.items():
            if field := form.base_fields.get(name):
                field.help_text = text
                field.widget = UnfoldBooleanSwitchWidget()
        return form

    @staticmethod
    def _options(obj: AlertChannel | None) -> list[str]:
        """All for a new one, whose kind is not known yet; none where the environment has them."""
        if obj is None:
            return options()
        kind = kind_of(obj)
        return [one.name for one in kind.options] if kind and not obj.from_environment else []

    @display(description="On", boolean=True)
    def on(self, channel: AlertChannel) -> bool:
        return channel.enabled

    @display(description="Takes")
    def takes(self, channel: AlertChannel) -> str:
        return ", ".join([*(["alerts"] if channel.alerts else []), *channel.events]) or "nothing"

    def save_model(
        self, request: HttpRequest, obj: AlertChannel, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            given = wanted(form.cleaned_data, form.changed_data)
            if given:
                operations.change(obj.name, request.user, **given)
            return
        given = wanted(form.cleaned_data, list(form.cleaned_data))
        given["options"] = {name: value for name, value in given["options"].items() if value}
        obj.pk = operations.add(user=request.user, **given).pk

    def delete_model(self, request: HttpRequest, obj: AlertChannel) -> None:
        with as_message(request):
            operations.remove(obj.name, request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        for channel in queryset:
            self.delete_model(request, channel)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.from_environment)

    @action(
        description="Send a test",
        url_path="test",
        icon="send",
        permissions=["operate"],
        dialog={
            "title": "Send a test?",
            "description": "A message with the code test is sent now.",
            "form_class": None,
            "form_submit_text": "Send",
        },
    )
    def send_test(self, request: HttpRequest, form: forms.Form, object_id: int) -> HttpResponse:
        channel = get_object_or_404(AlertChannel, pk=object_id)
        with as_message(request):
            operations.send_test(channel.name, request.user)
            messages.success(request, "Sent: the channel has taken it.")
        return redirect_to("syncapp_alertchannel_change", object_id)


def _field(name: str, kinds: Sequence[Kind], *, stored: bool) -> forms.Field:
    """Of an option; where several kinds may be meant, with what it is for each."""
    abouts: dict[str, list[str]] = {}
    label, secret = name, False
    for kind in kinds:
        for one in kind.options:
            if one.name == name:
                abouts.setdefault(one.about, []).append(kind.name.capitalize())
                label, secret = one.label, one.secret
    texts = [f"{about}." for about in abouts]
    if len(kinds) > 1:
        texts = [f"{', '.join(names)}: {about[:1].lower()}{about[1:]}." for about, names in abouts.items()]
    if secret and stored:
        texts.append(f"{MASK} stands for what is stored.")
    return forms.CharField(
        required=False,
        label=label,
        help_text=" ".join(texts),
        widget=UnfoldAdminTextInputWidget,
        max_length=operations.LONGEST_OPTION,
    )
