"""The preparation before a start: migrations, the environment's values, static files, the admin."""

from __future__ import annotations

from typing import Any

from syncapp.conf.settings import get_settings
from syncapp.management.command import SyncCommand
from syncapp.services.set_up import prepare


class Command(SyncCommand):
    help = "Migrate, apply the environment's values, collect static files, create the admin user"
    by_hand = False
    examples = {
        "": "once before the processes start; again after each upgrade",
    }
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        settings = get_settings()
        admin = prepare(settings)
        self.stdout.write(f"Ready. Admin: {admin.username}")
        if admin.password:
            # Not printed here: in production it would end up in a log
            self.stdout.write(f"Password: see {settings.home / 'admin_password'}")
