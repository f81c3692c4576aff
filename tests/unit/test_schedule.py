"""The periodic tasks that are there from the start, and what operators change about them."""

from __future__ import annotations

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from syncapp.services.periodic_tasks import BUILT_IN
from syncapp.tasks.schedule import HOUR, seed
from syncproject.celery import app

pytestmark = pytest.mark.django_db
COPY = "Copy remaining conflict records"


def copying() -> PeriodicTask:
    return PeriodicTask.objects.get(name=COPY)


def test_they_are_there_after_the_first_migration() -> None:
    ours = PeriodicTask.objects.all()
    assert dict(ours.values_list("name", "task")) == BUILT_IN
    assert set(ours.values_list("queue", flat=True)) == {"maintenance"}
    app.loader.import_default_modules()
    for task in ours:
        assert task.task in app.tasks
        assert app.tasks[task.task].soft_time_limit < app.tasks[task.task].time_limit


def test_beat_has_no_task_of_its_own_to_clean_up_results() -> None:
    PeriodicTask.objects.create(
        name="celery.backend_cleanup",
        task="celery.backend_cleanup",
        interval=IntervalSchedule.objects.first(),
    )
    seed(60_000, 2)
    assert not PeriodicTask.objects.filter(task__startswith="celery.").exists()
    assert app.conf.result_expires is None, "else beat makes it again"


def test_the_interval_is_that_of_the_environment() -> None:
    assert (copying().interval.every, copying().interval.period) == (60, "seconds")


def test_what_an_operator_edits_stays() -> None:
    task = copying()
    task.interval = IntervalSchedule.objects.create(every=5, period="minutes")
    task.enabled = False
    task.save()
    seed(60_000, 2)
    assert (copying().interval.every, copying().interval.period, copying().enabled) == (5, "minutes", False)


def test_another_value_in_the_environment_wins_over_what_was_edited() -> None:
    task = copying()
    task.interval = IntervalSchedule.objects.create(every=5, period="minutes")
    task.save()
    seed(1_500, 2)
    assert (copying().interval.every, copying().interval.period) == (1_500_000, "microseconds")
    assert PeriodicTask.objects.filter(name=COPY).count() == 1


def verifying() -> PeriodicTask:
    return PeriodicTask.objects.get(name="Verify a part of both sides each night")


def test_the_hour_of_the_nightly_verification_follows_its_variable() -> None:
    assert (verifying().crontab.hour, verifying().crontab.minute) == ("2", "7")
    task = verifying()
    task.enabled = False
    task.save()
    seed(60_000, 4, given=[HOUR])
    assert (verifying().crontab.hour, verifying().enabled) == ("4", False)
