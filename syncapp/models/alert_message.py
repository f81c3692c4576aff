"""What is to be sent to a channel, and what was: written in the transaction that decides it, so that a restart loses
nothing and repeats nothing."""

import uuid

from django.db import models

from syncapp.models.alert import Alert
from syncapp.models.alert_channel import AlertChannel


class AlertMessage(models.Model):
    class Kind(models.TextChoices):
        FIRING = "firing", "Firing"
        RESOLVED = "resolved", "Resolved"
        EVENT = "event", "Event"

    uid = models.UUIDField(default=uuid.uuid4, unique=True)  # the same at every attempt
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE)
    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    body = models.JSONField()
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    dropped = models.CharField(max_length=200, blank=True)  # why it is not sent; empty: it was, or will be

    class Meta:
        ordering = ["id"]
        indexes = [
            # What waits for a channel
            models.Index(
                fields=["channel", "id"],
                condition=models.Q(sent_at=None, dropped=""),
                name="messages_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"
