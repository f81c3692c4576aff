"""What a request with the header Idempotency-Key was answered, so that its repetition is answered the same."""

from django.conf import settings
from django.db import models


class IdempotencyKey(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    request = models.CharField(max_length=64)  # SHA-256 of method, path and what was given, in hex
    status = models.PositiveSmallIntegerField(null=True)  # empty: still being carried out, or interrupted
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_request_a_key")]
        indexes = [models.Index(fields=["created_at"])]  # what is forgotten after a day

    def __str__(self) -> str:
        return self.key
