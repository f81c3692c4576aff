"""A kind of channel: what its options are, and how it sends. One file each in `channels`, found by its `CHANNEL`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from monitoring.alerts import channels
from syncapp.conf.settings import SyncSettings

Options = Mapping[str, str]
SECONDS = 10  # that a receiver may take to answer


class Unavailable(Exception):
    """The receiver cannot be reached, or takes nothing now: everything waits, and is tried again. One line."""


class Refused(Exception):
    """The receiver does not take this message, and never will: it is dropped. One line."""


@dataclass(frozen=True)
class Message:
    """`uid`: the same at every attempt. `kind`: firing, resolved, event or test. `body`: as a webhook gets it."""

    uid: str
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """`label`: as a form has it. `parse`: raises WrongValue (syncapp/conf/types.py). `inherits`: of the environment, if the channel has none."""

    name: str
    label: str
    about: str
    parse: Callable[[str], object]
    required: bool = False
    secret: bool = False
    inherits: bool = False


@dataclass(frozen=True)
class Kind:
    """`send` raises Unavailable or Refused. `gathers`: several messages are sent as one, at most one a minute.
    `environment`: the options that the environment gives to its channel; without those that are required there is none.
    `place`: in lists."""

    name: str
    about: str
    options: tuple[Option, ...]
    send: Callable[[Options, Sequence[Message]], None]
    gathers: bool = False
    takes_events: bool = False
    environment: Callable[[SyncSettings], Options] | None = None
    place: int = 50

    @property
    def name_in_environment(self) -> str:
        return self.name if not self.options else f"environment-{self.name}"


@cache
def all_kinds() -> dict[str, Kind]:
    """Those of every file in `channels`."""
    names = (module.name for module in pkgutil.iter_modules(channels.__path__, f"{channels.__name__}."))
    found: list[Kind] = sorted((import_module(name).CHANNEL for name in names), key=lambda one: one.place)
    return {one.name: one for one in found}
