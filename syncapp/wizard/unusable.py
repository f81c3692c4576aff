"""Values in `.env` that stop every other command: the wizard is there to replace them, so they must not stop it."""

from __future__ import annotations

import os
from pathlib import Path

from syncapp.conf.settings import SettingsError, load
from syncapp.wizard import env_file

_why: dict[str, str] = {}  # by name


def set_aside(path: Path) -> None:
    """Before the settings of this process are read. What else is wrong in the file stops the wizard too: it asks for
    nothing else."""
    try:
        there = env_file.values_of(env_file.read(path))
    except (OSError, UnicodeDecodeError):  # said by whoever reads the settings
        return
    usable: dict[str, str] = {}
    for name in env_file.WRITTEN:
        if name not in there or name in os.environ:
            continue
        try:
            load({**usable, name: there[name]})
            usable[name] = there[name]
        except SettingsError as error:
            _why[name] = str(error)
            os.environ[name] = ""


def reasons() -> dict[str, str]:
    """The line that says what is wrong with each value that was set aside."""
    return dict(_why)
