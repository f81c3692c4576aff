"""When beat looks at a periodic task. Celery's own does so 10 ms before it is due and then, since it is not, again and again until
it is: dozens of queries for each task that it sends."""

from __future__ import annotations

from django_celery_beat.schedulers import DatabaseScheduler

AFTER_SECONDS = 0.01


class Scheduler(DatabaseScheduler):
    def adjust(self, n: float, drift: float = AFTER_SECONDS) -> float:
        return super().adjust(n, drift)
