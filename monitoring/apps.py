from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = "Monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_after_migrate, sender=apps.get_app_config("syncapp"))


def _after_migrate(using: str, **kwargs: Any) -> None:
    """Every start migrates first. Not while an older version is migrated to."""
    from django.db import connections

    from monitoring.alerts.rules import seed
    from syncapp.models import AlertChannel

    if AlertChannel._meta.db_table in connections[using].introspection.table_names():
        seed()
