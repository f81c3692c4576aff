"""Who changed what at run time, and when."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class AuditEntry(models.Model):
    at = models.DateTimeField("time", auto_now_add=True)
    # Empty: the product itself, for instance because .env was edited
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    # Of a command: the operating-system user
    typed_by = models.CharField(max_length=150, blank=True)
    # Of a request: the client's address, and the API token if one was used
    address = models.CharField(max_length=45, blank=True, default="")
    token = models.CharField(max_length=130, blank=True, default="")
    action = models.CharField(max_length=100)
    detail = models.TextField(blank=True)
    # What changed, as JSON; empty: there was, or is, nothing
    before = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name = "audit log entry"
        verbose_name_plural = "audit log entries"
        indexes = [models.Index(fields=["-at"])]  # the admin's list

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC, {self.action}"
