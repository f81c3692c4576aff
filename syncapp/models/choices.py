"""Choices that several models share."""

from django.db import models


class SideChoices(models.TextChoices):
    LOCAL = "local", "Local"
    ATLAS = "atlas", "Atlas"


class Direction(models.TextChoices):
    """Names as the metrics API gives them."""

    ATLAS_TO_LOCAL = "atlasToLocal", "Atlas → local"
    LOCAL_TO_ATLAS = "localToAtlas", "Local → Atlas"
