"""A document that was changed on both sides: both versions in full, and who won."""

from django.db import models

from syncapp.core.text.plain_ids import plain_id
from syncapp.models.choices import SideChoices


class Conflict(models.Model):
    class Winner(models.TextChoices):
        LOCAL = "local", "Local"
        ATLAS = "atlas", "Atlas"
        MERGED = "merged", "Merged"  # by a person: neither version as a whole
        OPEN = "open", "Needs manual resolution"

    record_id = models.CharField(max_length=100, unique=True)  # copying it twice changes nothing
    instance_id = models.CharField("instance ID", max_length=36)
    collection = models.CharField(max_length=255)
    document_id = models.TextField()  # the _id as canonical extended JSON
    at = models.DateTimeField("time")  # when it was decided, in Atlas's time
    strategy = models.CharField(max_length=300)  # the rule that decided it
    # The same in one sentence, with both times and origins; empty: a version decided that did not say
    because = models.TextField(blank=True, default="")
    winner = models.CharField(max_length=6, choices=Winner.choices)
    # Both versions were merged: the winner's values count in `fields` only, which both sides had changed
    merged = models.BooleanField(default=False)
    fields = models.JSONField(default=list, blank=True)  # dotted paths
    one_way = models.BooleanField("one-way sync", default=False)  # local won because nothing is pulled
    # An empty time means: the last change's time is unknown (it was made before sync began)
    local_time = models.DateTimeField(null=True, blank=True)
    atlas_time = models.DateTimeField(null=True, blank=True)
    local_origin = models.CharField(max_length=36, blank=True)
    atlas_origin = models.CharField(max_length=36, blank=True)
    # Canonical extended JSON to read, raw BSON to restore. Empty: the document was absent on that side
    local_document = models.TextField(blank=True)
    atlas_document = models.TextField(blank=True)
    local_raw = models.BinaryField(null=True)
    atlas_raw = models.BinaryField(null=True)
    document_id_raw = models.BinaryField()  # BSON of {_id: …}
    # What both versions were made from. Empty: not kept for the strategy, or it was larger than a record may be
    base_document = models.TextField(blank=True, default="")
    base_raw = models.BinaryField(null=True)
    restored_at = models.DateTimeField(null=True, blank=True)
    restored_by = models.CharField(max_length=150, blank=True, default="")
    resolved_at = models.DateTimeField(null=True, blank=True)  # of a manually resolved one
    resolved_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        ordering = ["-at", "-id"]
        permissions = [
            ("operate_sync", "Can toggle sync, edit exclusions and restore documents"),
            ("see_bodies", "Can see the documents of conflicts and rejected changes"),
            ("administer_sync", "Can see and revoke everybody's API tokens"),
        ]
        indexes = [
            models.Index(fields=["-at"]),  # the list, and the number in the last hour
            models.Index(fields=["collection", "-at"]),  # the list of one collection
            models.Index(fields=["winner", "merged", "one_way"]),  # the numbers, without the documents
            models.Index(fields=["winner", "resolved_at", "record_id"]),  # those that wait
        ]

    def __str__(self) -> str:
        return f"{self.collection} {plain_id(self.document_id)}"

    @property
    def waits(self) -> bool:
        """It is open: nothing has been decided about the document yet."""
        return self.winner == self.Winner.OPEN and self.resolved_at is None

    @property
    def loser(self) -> str:
        """The side whose version lost. Empty: neither did."""
        if self.winner in (self.Winner.OPEN, self.Winner.MERGED):
            return ""
        return SideChoices.LOCAL if self.winner == SideChoices.ATLAS else SideChoices.ATLAS
