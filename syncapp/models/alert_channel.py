"""Where alerts and events are sent. Channels of the environment have no options here: they are read from it."""

from django.db import models


class AlertChannel(models.Model):
    name = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=20)  # a file of monitoring/alerts/channels
    options = models.JSONField(
        default=dict, blank=True
    )  # address, recipients, secret: as its kind wants them
    enabled = models.BooleanField(default=True)
    alerts = models.BooleanField(default=True)  # it takes alerts
    events = models.JSONField(default=list, blank=True)  # kinds of events that it takes too
    from_environment = models.BooleanField(default=False)
    # How sending goes; after a failure nothing is tried before `retry_at`
    failures = models.PositiveIntegerField(default=0)  # in a row
    retry_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)  # a process is sending

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
