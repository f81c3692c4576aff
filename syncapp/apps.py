from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class SyncAppConfig(AppConfig):
    name = "syncapp"
    verbose_name = "Synchronisation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:

        if not apps.is_installed("django_celery_beat"):
            return  # a process that neither migrates nor sends periodic tasks
        from syncapp.tasks.schedule import after_migrate

        post_migrate.connect(after_migrate, sender=apps.get_app_config("django_celery_beat"))
