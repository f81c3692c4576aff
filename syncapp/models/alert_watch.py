"""When and how far alerts were evaluated. One row."""

from django.db import models


class AlertWatch(models.Model):
    turn = models.PositiveBigIntegerField(default=0)  # of evaluations: of two at once only one counts
    evaluated_at = models.DateTimeField(null=True)
    clock = models.CharField(max_length=80, blank=True)  # the same by a clock that does not jump
    beat_at = models.DateTimeField(null=True)  # of the last evaluation that beat asked for
    awaited_since = models.DateTimeField(null=True)  # the start of the web process that waits for it
    events = models.JSONField(default=dict)  # up to where events were read, by kind

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_watch")]

    def __str__(self) -> str:
        return f"evaluation {self.turn}"
