"""What is there before anything is asked: `.env`, the environment that wins over it, and what an earlier start took."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.db import DatabaseError, connection

from syncapp.conf.env_lines import values_of
from syncapp.conf.home_lock import is_held
from syncapp.conf.running import environment_of_the_running
from syncapp.conf.settings import BASE_DIR, SETTINGS, SyncSettings, get_settings, load
from syncapp.rules.environment import InForce, values_in_force
from syncapp.services.errors import NotPossible
from syncapp.wizard import env_file, unusable
from syncapp.wizard.env_file import WRITTEN
from syncapp.wizard.unusable import Unusable


@dataclass(frozen=True)
class Present:
    """`environment`: of this process, with what `.env` says. `running`: is a `make run` at work here? `wrong`: values of
    `.env` that cannot be used; of each only the part counts that can."""

    path: Path
    text: str
    environment: Mapping[str, str]
    running: bool = False
    wrong: Mapping[str, Unusable] = field(default_factory=dict)

    @classmethod
    def find(cls) -> Present:
        """Raises NotPossible if `.env` would not count, or cannot be read or written."""
        path, home = BASE_DIR / ".env", get_settings().home
        try:
            text = env_file.read(path)
        except OSError as error:
            raise NotPossible(f"{path} cannot be read: {error.strerror}") from None
        lent, wrong = environment_of_the_running(home), unusable.found()
        environment = {
            name: value for name, value in os.environ.items() if lent.get(name) != value and name not in wrong
        }
        found = cls(path, text, environment, is_held(home), wrong)
        found.check()
        return found

    def check(self) -> None:
        if not os.access(self.path.resolve().parent, os.W_OK | os.X_OK):
            raise NotPossible(f"{self.path} cannot be written: its folder is read-only for this account")
        if self.path.exists() and os.geteuid() not in (0, owner := self.path.stat().st_uid):
            raise NotPossible(
                f"{self.path} belongs to {_account(owner)}: run this as that account, or as root"
            )
        in_file = values_of(self.text)
        secret = {setting.name for setting in SETTINGS if setting.secret}
        for name in WRITTEN:
            if name in self.environment and self.environment[name] != in_file.get(name):
                raise NotPossible(
                    f"{name} is set in the environment, which wins over .env: unset it there, and start again"
                )
            if name in secret and self.environment.get(f"{name}_FILE"):
                raise NotPossible(
                    f"{name}_FILE is set, which wins over {name} in .env: unset it, and start again"
                )

    def value(self, name: str) -> str:
        """In `.env`; empty: not set."""
        if name in self.wrong:
            return self.wrong[name].instead
        return values_of(self.text).get(name, "").strip()

    def settings(self, **values: str) -> SyncSettings:
        """As a start would read them with these values. Raises SettingsError."""
        return load({**self.environment, **values})

    def with_values(self, values: Mapping[str, str]) -> Present:
        """Raises NotWritable."""
        text = env_file.changed(self.text, values)
        return replace(self, text=text, environment={**self.environment, **values})


def in_force(settings: SyncSettings) -> dict[str, InForce]:
    """What the last start took and what was set at run time since, with what the next start takes of `settings`. Empty
    before the first start, or while Django's database does not answer."""
    from syncapp.models import SyncSwitches

    try:
        if SyncSwitches._meta.db_table not in connection.introspection.table_names():
            return {}
        switches = SyncSwitches.objects.filter(id=1).first()
        return {one.name: one for one in values_in_force(switches, settings)} if switches else {}
    except DatabaseError:
        return {}


def _account(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"account {number}"
