"""The preparation before the processes start, at every start: each step is idempotent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from syncapp.conf.settings import SettingsError, SyncSettings, kept_secret
from syncapp.rules.switches import apply_environment


@dataclass(frozen=True)
class Admin:
    """`password` is empty if it must not be shown: it came from the environment, or was changed by a user."""

    username: str
    password: str


def prepare(settings: SyncSettings, say: Callable[[str], None] = lambda line: None) -> Admin:
    """Migrate, create the groups, apply the environment's values, collect static files, and create the admin user."""
    from syncapp.services.access import roles

    say("Preparing Django's database: tables, groups, settings")
    refuse_newer()
    call_command("migrate", interactive=False, verbosity=0)
    roles.seed()
    apply_environment(settings)
    say("Collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0)
    return make_admin(settings)


def refuse_newer() -> None:
    """Raises SettingsError if a newer program has migrated Django's database: what it holds means something else now."""
    known = MigrationLoader(None).disk_migrations.keys()
    applied = MigrationRecorder(connection).applied_migrations()
    newer = sorted(name for app, name in applied if app == "syncapp" and (app, name) not in known)
    if newer:
        raise SettingsError(
            f"A newer Isthmus has used Django's database (its migration {newer[-1]} is unknown to this program): start the "
            "newer one, or restore the database from before the upgrade (docs/upgrading.md)"
        )


def make_admin(settings: SyncSettings) -> Admin:
    """The environment's password is set at each start; a generated one only for a new user."""
    given = settings.django_superuser_password
    password = given or kept_secret(settings.home, "admin_password")
    users = get_user_model()
    user, made = users.objects.get_or_create(
        username=settings.django_superuser_username,
        defaults={"email": settings.django_superuser_email, "is_staff": True, "is_superuser": True},
    )
    known = not made and user.check_password(password)
    if (made or given) and not known:
        user.set_password(password)
    user.email = settings.django_superuser_email
    user.is_staff = user.is_superuser = user.is_active = True
    user.save()
    return Admin(user.get_username(), "" if given or not (made or known) else password)
