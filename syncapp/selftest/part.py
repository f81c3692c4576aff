"""A part of the self-test, and the list of all: those of every file in `parts`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import cache
from importlib import import_module

from syncapp.selftest import parts
from syncapp.selftest.bench import Bench
from syncapp.selftest.values import Line


@dataclass(frozen=True, slots=True)
class Part:
    """`look` may raise Missed and the servers' errors. `purpose`: what it checks, in a few words."""

    name: str
    purpose: str
    look: Callable[[Bench], Iterator[Line]]
    _: KW_ONLY
    place: int  # in the order of all parts
    live: bool = True  # it needs both databases and sync at work
    by_default: bool = True


@cache
def all_parts() -> tuple[Part, ...]:
    """In their order."""
    names = (module.name for module in pkgutil.iter_modules(parts.__path__, f"{parts.__name__}."))
    return tuple(sorted((import_module(name).PART for name in names), key=lambda one: one.place))


def default_names() -> list[str]:
    return [one.name for one in all_parts() if one.by_default]


def chosen(names: Iterable[str]) -> list[Part]:
    """In their order; none: those of a run without names. Raises KeyError for one that does not exist."""
    known = {one.name: one for one in all_parts()}
    wanted = {known[name].name for name in names} or set(default_names())
    return [one for one in all_parts() if one.name in wanted]
