"""A device of this Atlas database as it last reported there: a copy, read when somebody looks, and now and then."""

from django.db import models


class Device(models.Model):
    instance_id = models.CharField("instance ID", max_length=100, unique=True)
    name = models.CharField(max_length=100, blank=True)  # given by an operator
    # By this computer's clock. The age of a report is told as of the copy: what came later is not known
    seen_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)  # its listener was stopped in order
    copied_at = models.DateTimeField()
    within_s = models.FloatField(default=0)  # the next report comes within this time, if nothing is wrong
    version = models.CharField(max_length=100, blank=True)  # of the program
    host = models.CharField(max_length=300, blank=True)  # and process of the active listener
    since = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)  # the active listener
    pull_lag_ms = models.PositiveBigIntegerField(default=0)
    push_lag_ms = models.PositiveBigIntegerField(default=0)
    pending = models.PositiveIntegerField(default=0)
    # null: it did not know
    conflicts = models.PositiveIntegerField(null=True)
    rejected = models.PositiveIntegerField(null=True)
    halts = models.PositiveIntegerField(default=0)
    local_stream = models.CharField(max_length=20, blank=True)
    atlas_stream = models.CharField(max_length=20, blank=True)
    clock_offset_ms = models.FloatField(default=0)
    rules_version = models.BigIntegerField(null=True)
    headroom_s = models.JSONField(default=dict, blank=True)  # side → seconds
    stand_by = models.JSONField(default=list, blank=True)
    waiting_for = models.TextField(blank=True)
    # What is the matter with it (monitoring/fleet.py), for the admin's list: the worst first
    trouble = models.PositiveSmallIntegerField(default=0)
    troubles = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-trouble", "name", "instance_id"]

    def __str__(self) -> str:
        return self.name or self.instance_id
