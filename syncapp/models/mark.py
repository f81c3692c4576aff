"""What happened at a moment, for the charts of the live page: a start of the listener, another version, a halt."""

from django.db import models


class Mark(models.Model):
    class Kind(models.TextChoices):
        START = "start", "Listener started"
        VERSION = "version", "Version deployed"
        HALT = "halt", "Halted"

    key = models.CharField(
        max_length=400, unique=True
    )  # of what happened: what is told twice is recorded once
    kind = models.CharField(max_length=8, choices=Kind.choices)
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at"])]  # of a span of time

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC, {self.text}"
