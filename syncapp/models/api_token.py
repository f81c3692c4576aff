"""A token of the API: of one user, for one role, until a day. The key itself is not kept, only its hash."""

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    class Role(models.TextChoices):
        VIEWERS = "Viewers"
        OPERATORS = "Operators"
        ADMINISTRATORS = "Administrators"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)  # what it is for
    role = models.CharField(max_length=20, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the key, in hex
    hint = models.CharField(max_length=20)  # the key's first characters, to recognise it
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # to the minute
    last_used_from = models.CharField(max_length=45, blank=True)  # an IP address

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
