"""An alert: something wrong that lasts, or lasted. At most one is open for a code and what it concerns."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Alert(models.Model):
    class State(models.TextChoices):
        PENDING = "pending", "Pending"  # it does not last long enough yet
        FIRING = "firing", "Firing"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        SILENCED = "silenced", "Silenced"
        RESOLVED = "resolved", "Resolved"

    class Severity(models.TextChoices):
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    code = models.CharField(max_length=40)  # as in the reasons of health
    about = models.CharField(max_length=400, blank=True)  # a side, direction, collection, halt; empty: all
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    told = models.CharField(max_length=8, blank=True)  # the severity that channels know; empty: nothing yet
    device = models.CharField(max_length=36, blank=True)
    message = models.TextField()
    page = models.CharField(max_length=60, blank=True)  # where one acts, as a URL's name; empty: nowhere
    since = models.DateTimeField()
    # By a clock that does not jump: up to its firing; after that for how long it has been right, though it is not over yet
    lasted_s = models.FloatField(default=0)
    fired_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    silenced_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-since", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "about"],
                condition=models.Q(resolved_at=None),
                name="one_open_alert",
            )
        ]
        indexes = [models.Index(fields=["-since"])]  # the list

    def __str__(self) -> str:
        return f"{self.code} ({self.about})" if self.about else self.code

    def is_silent(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until
