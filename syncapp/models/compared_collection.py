"""What comparisons last found of a collection: mirrored when a run has ended, and kept."""

from django.db import models


class ComparedCollection(models.Model):
    instance_id = models.CharField("instance ID", max_length=36)
    collection = models.CharField(max_length=255)
    # Every change made before it had arrived at the other side. None: it was never found in sync
    as_of = models.DateTimeField(null=True, blank=True)
    differing = models.PositiveBigIntegerField(
        default=0
    )  # documents, at the last comparison, and not repaired by it
    documents = models.PositiveBigIntegerField(default=0)  # that it compared
    compared_at = models.DateTimeField()
    run_id = models.CharField("run ID", max_length=36)

    class Meta:
        ordering = ["-differing", "as_of", "collection"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance_id", "collection"], name="one_row_a_compared_collection"
            )
        ]

    def __str__(self) -> str:
        return self.collection
