"""Why the listener cannot start, while it cannot. At most one row, of the last attempt."""

from django.db import models


class ListenerStart(models.Model):
    holder = models.CharField(max_length=200)  # host and process
    text = models.TextField()
    first_seen = models.DateTimeField()
    next_at = models.DateTimeField()  # when it tries again

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="only_one_start")]

    def __str__(self) -> str:
        return self.text
