"""What has to be done before the processes start, at every start: each step may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.core.management import call_command

from syncapp.conf.settings import SyncSettings, kept_secret
from syncapp.rules.switches import apply_environment


@dataclass(frozen=True)
class Admin:
    """`password` is empty if it is not for showing: it came from the environment, or a person changed it."""

    username: str
    password: str


def prepare(settings: SyncSettings, say: Callable[[str], None] = lambda line: None) -> Admin:
    """Migrate, make the groups, take over the environment's values, collect static files, and make the admin user."""
    from syncapp.services import roles

    say("Preparing Django's database: tables, groups, settings")
    call_command("migrate", interactive=False, verbosity=0)
    roles.seed()
    apply_environment(settings)
    say("Collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0)
    return make_admin(settings)


def make_admin(settings: SyncSettings) -> Admin:
    """The environment's password is set at each start; one that was made up only for a new user."""
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
