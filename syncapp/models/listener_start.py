"""Why the listener has not begun yet, as long as it has not. One row at most, of the last one that tried."""

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
