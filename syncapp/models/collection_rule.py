"""What an operator has laid down for the collections of a pattern."""

from django.db import models

from syncapp.core.patterns import LONGEST
from syncapp.models.excluded_collection import validate_pattern


class CollectionRule(models.Model):
    pattern = models.CharField(max_length=LONGEST, unique=True, validators=[validate_pattern])
    priority = models.IntegerField(default=100)  # the lowest number is asked first
    document = models.JSONField()  # core/collection_rule.py: as_document
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "pattern"]
        # Not "view_…": whoever looks at sync is given all permissions of that name
        permissions = [("see_masked", "Can see the fields that collection rules mask")]

    def __str__(self) -> str:
        return self.pattern
