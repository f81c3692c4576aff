"""A schema for documents of a collection, checked before sync writes them on either side."""

from django.db import models

from syncapp.core.patterns import LONGEST
from syncapp.models.excluded_collection import validate_pattern


class ValidationRule(models.Model):
    pattern = models.CharField(max_length=LONGEST, unique=True, validators=[validate_pattern])
    schema = models.JSONField()  # as in MongoDB's $jsonSchema
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["pattern"]

    def __str__(self) -> str:
        return self.pattern
