"""Required settings. (An invalid value has already stopped the start, with one line.)"""

from __future__ import annotations

from collections.abc import Iterator

from syncapp.conf.settings import SettingsError
from syncapp.doctor.values import Check, Finding, Level, Setup

REQUIRED = ("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL")


def look(setup: Setup) -> Iterator[Finding]:
    settings, fine = setup.settings, True
    for name in REQUIRED:
        try:
            settings.require(name)
        except SettingsError as error:
            fine = False
            yield Finding(Level.FAILED, str(error), f"Set {name} in .env or in the environment")
    try:
        settings.make_home()
    except SettingsError as error:
        fine = False
        yield Finding(Level.FAILED, str(error), "Create the folder and make it writable for this user")
    if settings.django_debug:
        fine = False
        yield Finding(
            Level.WARNING, "DJANGO_DEBUG is on: error pages show internals", "Set DJANGO_DEBUG=false"
        )
    if fine:
        yield Finding(Level.OK, "Settings are complete")
    if not settings.bidirectional_sync_enabled:
        yield Finding(
            Level.NOTE,
            "BIDIRECTIONAL_SYNC_ENABLED is false: at the first start sync is one-way, local to Atlas",
        )


CHECKS = (Check("settings", look, place=0),)
