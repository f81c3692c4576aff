"""The device's listener as last reported: written by the active listener about once a second."""

from django.db import models


class Instance(models.Model):
    class Stream(models.TextChoices):
        CONNECTED = "connected", "Connected"
        CONNECTING = "connecting", "Connecting"
        DISCONNECTED = "disconnected", "Disconnected"
        STOPPED = "stopped", "Stopped"  # on purpose: sync is disabled or paused

    instance_id = models.CharField("instance ID", max_length=36, unique=True)
    epoch = models.BigIntegerField(default=0)  # of the lease; raised by every takeover
    holder = models.CharField(max_length=200, blank=True)  # host and process of the active listener
    started_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)  # time of the active listener's last report
    local_stream = models.CharField(max_length=12, choices=Stream.choices, default=Stream.DISCONNECTED)
    atlas_stream = models.CharField(max_length=12, choices=Stream.choices, default=Stream.DISCONNECTED)
    local_stream_since = models.DateTimeField(null=True)
    atlas_stream_since = models.DateTimeField(null=True)
    local_reconnects = models.PositiveIntegerField(default=0)  # failed attempts in a row
    atlas_reconnects = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)  # why a stream is not connected; empty when all are
    waiting_for = models.TextField(blank=True)  # why sync has not started yet; empty: it has
    queue_size = models.PositiveIntegerField(default=0)  # keys not done: waiting and in flight
    in_flight = models.PositiveIntegerField(default=0)  # keys in Celery tasks
    pull_lag_ms = models.PositiveBigIntegerField(default=0)  # age of the oldest unfinished change
    push_lag_ms = models.PositiveBigIntegerField(default=0)
    clock_offset_ms = models.FloatField(default=0)  # Atlas's clock minus the local server's

    # Why transfers are halted, until an operator answers (syncapp/store/halts.py): [{id, kind, …}]
    halts = models.JSONField(default=list, blank=True)
    refused = models.JSONField(default=dict, blank=True)  # collections that cannot be synced → why
    # Changes that cannot be transferred (syncapp/listener/telemetry/stuck.py): [{side, collection, since, error, still}]
    stuck = models.JSONField(default=list, blank=True)
    # How long each side may be away (syncapp/listener/telemetry/headroom.py): side → {at, seconds, how, sure, windowSeconds}
    headroom = models.JSONField(default=dict, blank=True)
    # Ages of a heartbeat when its event was read, in milliseconds; empty: none was read yet
    local_heartbeat_ms = models.FloatField(null=True)
    atlas_heartbeat_ms = models.FloatField(null=True)
    clock_warning = models.TextField(blank=True)  # a clock that is off or has jumped
    loops = models.PositiveIntegerField(default=0)  # keys in a sync loop since the start
    loop_at = models.DateTimeField(null=True)  # the last one

    # What blocks transfers, by subject (broker, workers, tasks, local, atlas): {text, since}
    stops = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = "listener"
        verbose_name_plural = "this device"

    def __str__(self) -> str:
        return self.instance_id
