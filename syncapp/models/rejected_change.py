"""A document that its target refuses, with the reason, so that it does not block others."""

from django.db import models

from syncapp.core.text.plain_ids import plain_id
from syncapp.models.choices import Direction


class RejectedChange(models.Model):
    instance_id = models.CharField("instance ID", max_length=36)
    collection = models.CharField(max_length=255)
    key_hash = models.CharField(max_length=32)  # of collection and canonical _id
    document_id = models.TextField()  # the _id as canonical extended JSON
    document_id_raw = models.BinaryField()
    direction = models.CharField(max_length=12, choices=Direction.choices)
    reason = models.TextField()
    code = models.IntegerField(null=True)  # the server's error code
    document = models.TextField(blank=True)  # canonical extended JSON; empty: a delete
    document_raw = models.BinaryField(null=True)
    # A unique index is the cause: the document that holds the value
    other_id = models.TextField(blank=True)
    other_document = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField("first attempt", auto_now_add=True)
    last_at = models.DateTimeField("last attempt", auto_now=True)  # time of the last refusal
    retried_at = models.DateTimeField(null=True, blank=True)  # time of the last retry

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["instance_id", "key_hash"], name="one_rejection_a_key")
        ]

    def __str__(self) -> str:
        return f"{self.collection} {plain_id(self.document_id)}"
