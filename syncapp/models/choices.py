"""Choices that several models share."""

from django.db import models


class SideChoices(models.TextChoices):
    LOCAL = "local", "Local"
    ATLAS = "atlas", "Atlas"


class Direction(models.TextChoices):
    """Names as the metrics API gives them."""

    ATLAS_TO_LOCAL = "atlasToLocal", "Atlas → local"
    LOCAL_TO_ATLAS = "localToAtlas", "Local → Atlas"


class RuleKind(models.TextChoices):
    """In the order in which they apply to a document, which is the alphabet's: what is excluded is not pulled, whatever the
    rule of its collection says, and what is to be written is validated last."""

    EXCLUSION = "exclusion", "Exclusion"
    RULE = "rule", "Rule"
    VALIDATION = "validation", "Validation rule"
