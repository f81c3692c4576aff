"""Counters of transferred changes, one row per minute and direction, and their processing times."""

from django.db import models

from syncapp.models.choices import Direction

# Upper bounds in milliseconds of the processing-time histogram; the last one is unbounded
TIME_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 60_000, 2**31 - 1)


class MetricMinute(models.Model):
    """processed = succeeded + failed + skipped; succeeded = inserts + updates + replaces + deletes."""

    minute = models.DateTimeField()
    direction = models.CharField(max_length=12, choices=Direction.choices)
    processed = models.PositiveBigIntegerField(default=0)
    succeeded = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)  # rejected changes
    skipped = models.PositiveBigIntegerField(default=0)  # no-ops
    inserts = models.PositiveBigIntegerField(default=0)
    updates = models.PositiveBigIntegerField(default=0)
    replaces = models.PositiveBigIntegerField(default=0)
    deletes = models.PositiveBigIntegerField(default=0)
    conflicts = models.PositiveBigIntegerField(default=0)
    merged = models.PositiveBigIntegerField(default=0)  # documents into which both sides' changes went
    time_ms = models.FloatField(default=0)  # sum over the processed changes
    last_event_at = models.DateTimeField(null=True)  # time of the newest change

    class Meta:
        ordering = ["-minute", "direction"]
        verbose_name = "metrics of a minute"
        verbose_name_plural = "metrics by minute"
        constraints = [models.UniqueConstraint(fields=["minute", "direction"], name="one_row_a_minute")]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} UTC, {self.get_direction_display()}"


class ProcessingTime(models.Model):
    """The number of changes of a minute that took at most `upper_ms` (and more than the next lower bound)."""

    minute = models.DateTimeField()
    direction = models.CharField(max_length=12, choices=Direction.choices)
    upper_ms = models.PositiveBigIntegerField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "direction", "upper_ms"], name="one_row_a_bound")
        ]

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.direction} ≤ {self.upper_ms} ms: {self.count}"
