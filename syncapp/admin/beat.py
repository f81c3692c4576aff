"""Periodic tasks (django-celery-beat) in the look of the other pages."""

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
from syncapp.admin.refusals import as_invalid
from syncapp.services.periodic_tasks import OWN, check, is_own

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The list of known tasks, styled."""


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(Audited, BeatPeriodicTaskAdmin, ModelAdmin):
    """The built-in tasks can be turned off and given other periods. A deleted one would be missing until the
    next start."""

    form = TaskForm

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        if obj is not None and is_own(obj):
            return False
        return bool(super().has_delete_permission(request, obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        own = queryset.filter(task__startswith=OWN)
        for name in own.values_list("name", flat=True):
            messages.warning(request, f"“{name}” is built in and cannot be deleted: turn it off instead.")
        super().delete_queryset(request, queryset.exclude(pk__in=own.values("pk")))


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


@admin.register(SolarSchedule)
class SolarScheduleAdmin(Audited, ModelAdmin):
    pass


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(Audited, BeatClockedScheduleAdmin, ModelAdmin):
    pass
