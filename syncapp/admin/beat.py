"""Periodic tasks (django-celery-beat) in the look of the other pages."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat.admin import ClockedScheduleAdmin as BeatClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as BeatCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as BeatPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from syncapp.admin.audited import Audited
from syncapp.admin.refusals import as_invalid, as_message
from syncapp.services import periodic_tasks
from syncapp.services.access.free_names import require_free
from syncapp.services.periodic_tasks import BUILT_IN, is_own
from syncapp.services.schedules import check

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of known tasks, styled."""


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if name != self.initial.get("name"):
            with as_invalid():
                require_free(PeriodicTask, name, self.instance.pk)
        return name

    def clean(self) -> Any:
        """Of another kind beat would fail, with all other tasks."""
        cleaned = super().clean()
        for name, kind in (("args", list), ("kwargs", dict), ("headers", dict)):
            text = self.cleaned_data.get(name)
            if text and not isinstance(_parsed(text), kind):
                self.add_error(name, f"allowed: a JSON {'list' if kind is list else 'object'}")
        return cleaned


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _without_the_sun(fieldsets: Any) -> Any:
    """Beat would end itself at a schedule by the sun: it needs a package that is not part of the product."""
    return [
        (title, {**options, "fields": tuple(name for name in options["fields"] if name != "solar")})
        for title, options in fieldsets
    ]


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(Audited, BeatPeriodicTaskAdmin, ModelAdmin):
    """The built-in tasks can be turned off and given other periods. A deleted one would be missing until the
    next start."""

    form = TaskForm
    fieldsets = _without_the_sun(BeatPeriodicTaskAdmin.fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "name", "description") if obj is not None and is_own(obj) else fields

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        if obj is not None and is_own(obj):
            return False
        return bool(super().has_delete_permission(request, obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        own = queryset.filter(name__in=BUILT_IN)
        for name in own.values_list("name", flat=True):
            messages.warning(request, f"“{name}” is built in and cannot be deleted: turn it off instead.")
        super().delete_queryset(request, queryset.exclude(pk__in=own.values("pk")))

    # Those of django-celery-beat, by the service: they stand in the audit log too

    @admin.action(description="Enable selected tasks", permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        _each(request, queryset, lambda one: _turn(request, one, on=True), "enabled")

    @admin.action(description="Disable selected tasks", permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        _each(request, queryset, lambda one: _turn(request, one, on=False), "disabled")

    @admin.action(description="Toggle activity of selected tasks", permissions=["change"])
    def toggle_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        _each(request, queryset, lambda one: _turn(request, one, on=not one.enabled), "toggled")

    @admin.action(description="Run selected tasks", permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        _each(
            request,
            queryset,
            lambda one: periodic_tasks.run(str(one.pk), request.user),
            "sent to the workers",
        )


def _turn(request: HttpRequest, task: PeriodicTask, on: bool) -> None:
    periodic_tasks.change(str(task.pk), request.user, enabled=on)


def _each(
    request: HttpRequest, tasks: QuerySet[PeriodicTask], act: Callable[[PeriodicTask], object], done: str
) -> None:
    for task in tasks:
        with as_message(request):
            act(task)
            messages.success(request, f"“{task.name}” is {done}.")


class ScheduleForm(forms.ModelForm):
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        fields = {field.name for field in self._meta.model._meta.concrete_fields} - {"id"}
        if fields <= self.cleaned_data.keys():
            with as_invalid():
                check(self._meta.model(**{name: self.cleaned_data[name] for name in fields}))
        return cleaned


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(Audited, ModelAdmin):
    form = ScheduleForm


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(Audited, BeatCrontabScheduleAdmin, ModelAdmin):
    form = ScheduleForm


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(Audited, BeatClockedScheduleAdmin, ModelAdmin):
    pass
