"""What an operator has changed of a rule for alerts. An empty value: the default of monitoring/alerts/catalogue.py."""

from django.db import models


class AlertRule(models.Model):
    code = models.CharField(max_length=40, unique=True)  # as in the reasons of health
    enabled = models.BooleanField(default=True)
    for_seconds = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)  # from here on health is degraded
    critical = models.FloatField(null=True, blank=True)  # above this it is critical

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code
