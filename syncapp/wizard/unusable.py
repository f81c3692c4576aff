"""Values in `.env` that stop every other command: the wizard is there to replace them, so they must not stop it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncapp.conf.env_lines import values_of
from syncapp.conf.settings import SettingsError, load
from syncapp.wizard import env_file, node_options

_COMMENT = re.compile(r"\s+#.*")


@dataclass(frozen=True)
class Unusable:
    """`why`: the sentence for the operator. `instead`: the part of it that can be used, to be offered; empty: none can."""

    why: str
    instead: str = ""


_found: dict[str, Unusable] = {}  # by name


def set_aside(path: Path) -> None:
    """Before the settings of this process are read. What else is wrong in the file stops the wizard too: it asks for
    nothing else."""
    try:
        there = values_of(env_file.read(path))
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
            found = _found[name] = _judged(name, there[name], str(error), usable)
            os.environ[name] = ""
            if found.instead:
                usable[name] = found.instead


def _judged(name: str, value: str, error: str, usable: Mapping[str, str]) -> Unusable:
    """What programs in Node.js leave out when they read such a line is left out here, too."""
    part, options = node_options.without(_COMMENT.sub("", value))
    left_out = [*options, *(["the comment behind it"] if _COMMENT.search(value) else [])]
    if left_out:
        try:
            load({**usable, name: part})
            return Unusable(f".env has {name} with {', '.join(left_out)}: offered without", part)
        except SettingsError:  # something else is wrong with it
            pass
    return Unusable(f".env has a value that cannot be used, and gets another one: {error}")


def found() -> dict[str, Unusable]:
    """Each value that was set aside, by its name."""
    return dict(_found)
