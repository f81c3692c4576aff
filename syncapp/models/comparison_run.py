"""The state of a comparison run: a mirror of the local `_sync_runs` for admin and API."""

from django.db import models

from syncapp.core.text.durations import pace_text


class ComparisonRun(models.Model):
    class Kind(models.TextChoices):
        RESYNC = "resync", "Resync"
        VERIFY = "verify", "Verify"
        REPAIR = "repair", "Verify and repair"
        FIRST_RUN = "first run", "First run"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    run_id = models.CharField("run ID", max_length=36, unique=True)
    instance_id = models.CharField("instance ID", max_length=36)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    why = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    collections = models.JSONField(default=list)  # names; empty: all
    collection = models.CharField(max_length=255, blank=True)  # the one that is compared now
    documents = models.PositiveBigIntegerField(default=0)  # compared so far
    expected = models.PositiveBigIntegerField(default=0)  # about how many there are
    equal = models.PositiveBigIntegerField(default=0)
    different = models.PositiveBigIntegerField(default=0)
    only_local = models.PositiveBigIntegerField(default=0)
    only_atlas = models.PositiveBigIntegerField(default=0)
    marked = models.PositiveBigIntegerField(default=0)  # sent to the listener
    rate = models.FloatField(null=True, blank=True)  # documents a second; None: it cannot be told
    seconds_left = models.FloatField(null=True, blank=True)
    by_collection = models.JSONField(default=list)  # as store/results.py has it
    samples = models.JSONField(default=list)  # some that differ: [{collection, id, what, bson?}]
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]

    @property
    def differing(self) -> int:
        return self.different + self.only_local + self.only_atlas

    @property
    def as_agreed(self) -> int:
        """Intentional differences: agreed, or due to the rules."""
        return max(0, self.documents - self.equal - self.differing)

    @property
    def so_far(self) -> str:
        """`1,200 of about 5,000 documents`."""
        all_of_them = max(self.documents, self.expected)
        of = f" of about {all_of_them:,}" if self.expected else ""
        return f"{self.documents:,}{of} document{'s' * (all_of_them != 1)}"

    @property
    def pace(self) -> str:
        """Rate and time left; empty: they cannot be told."""
        return pace_text(self.rate, self.seconds_left)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.started_at:%Y-%m-%d %H:%M:%S} UTC"
