"""Collections that are not pulled from Atlas (they are still pushed)."""

from django.core.exceptions import ValidationError
from django.db import models

from syncapp.core.patterns import LONGEST, WrongPattern, check_pattern


def validate_pattern(value: str) -> None:
    try:
        check_pattern(value)
    except WrongPattern as wrong:
        raise ValidationError(f"{value!r} is not allowed; allowed: {wrong}") from None


class ExcludedCollection(models.Model):
    pattern = models.CharField(max_length=LONGEST, unique=True, validators=[validate_pattern])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pattern"]

    def __str__(self) -> str:
        return self.pattern
