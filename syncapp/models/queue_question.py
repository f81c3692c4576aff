"""What somebody asks the active listener about one document: where it is in its queue. The listener answers when it next reports,
and whoever has asked removes the row."""

from django.db import models


class QueueQuestion(models.Model):
    instance_id = models.CharField(max_length=36, db_index=True)  # whose listener is asked, each second
    collection = models.TextField()
    document_id_raw = models.BinaryField()  # BSON of {_id: …}
    asked_at = models.DateTimeField()
    answer = models.JSONField(null=True)  # listener/queue/whereabouts.py; empty: none yet

    def __str__(self) -> str:
        return self.collection
