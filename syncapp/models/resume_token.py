"""Mirror of the resume tokens, for admin and API. The local `_sync_metadata` is authoritative."""

from django.db import models

from syncapp.models.choices import SideChoices


class ResumeToken(models.Model):
    instance_id = models.CharField("instance ID", max_length=36)
    side = models.CharField(max_length=5, choices=SideChoices.choices)
    token = models.JSONField()
    cluster_time = models.CharField(max_length=40, blank=True)  # "seconds:increment"
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance_id", "side"], name="one_token_a_side")]

    def __str__(self) -> str:
        return f"{self.side} of {self.instance_id}"
