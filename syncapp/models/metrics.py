"""Counters of transferred changes by minute and direction and by collection, their processing times, and the state of the
queue by minute."""

from django.db import models

from syncapp.models.choices import Direction

UNBOUNDED = 2**31 - 1
# Upper bounds in milliseconds of the histograms of processing times and of lag
TIME_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 60_000, UNBOUNDED)
LAG_BOUNDS_MS = (
    10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000,
    86_400_000, UNBOUNDED,
)  # fmt: skip
MOST_COLLECTIONS = 50  # that are counted by name; the others count together as OTHER
OTHER = "other"


class MetricMinute(models.Model):
    """Older rows cover an hour, then a day (monitoring/folding.py).

    processed = succeeded + failed + skipped; succeeded = inserts + updates + replaces + deletes."""

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


class Histogram(models.Model):
    """`count` of a minute at most `upper_ms` (and more than the next lower bound). Older rows cover an hour, those older
    than a week are one row (monitoring/folding.py)."""

    minute = models.DateTimeField()
    direction = models.CharField(max_length=12, choices=Direction.choices)
    upper_ms = models.PositiveBigIntegerField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.direction} ≤ {self.upper_ms} ms: {self.count}"


class ProcessingTime(Histogram):
    """Changes, by the time that a worker took for them."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "direction", "upper_ms"], name="one_row_a_bound")
        ]


class LagTime(Histogram):
    """Seconds, by the lag as it was then."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["minute", "direction", "upper_ms"], name="one_row_a_lag")
        ]


class StateMinute(models.Model):
    """What the listener saw when it looked each second: divide sums by `samples`."""

    minute = models.DateTimeField(unique=True)
    samples = models.PositiveIntegerField(default=0)
    queue_sum = models.PositiveBigIntegerField(default=0)
    queue_highest = models.PositiveIntegerField(default=0)
    pull_lag_ms = models.PositiveBigIntegerField(default=0)  # sums
    push_lag_ms = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} UTC: {self.queue_highest} pending at most"


class CollectionMetric(models.Model):
    """Counters of a collection since it was first met. At most MOST_COLLECTIONS have a row of their own for a direction."""

    direction = models.CharField(max_length=12, choices=Direction.choices)
    collection = models.CharField(max_length=255)
    inserts = models.PositiveBigIntegerField(default=0)
    updates = models.PositiveBigIntegerField(default=0)
    replaces = models.PositiveBigIntegerField(default=0)
    deletes = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    skipped = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["direction", "collection"], name="one_row_a_collection")
        ]

    def __str__(self) -> str:
        return f"{self.collection}, {self.get_direction_display()}"
