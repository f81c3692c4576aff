"""How conflicts are decided: one strategy a file, which defines `STRATEGY`. That is all that it takes to offer one.

How to add one: docs/conflicts.md, Adding a strategy.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from syncapp.core.rule.policy import LAST_WRITE_WINS
from syncapp.core.strategy import Strategy


def discover() -> dict[str, Strategy]:
    """The strategies of all files here, by name; the default first, then by the alphabet."""
    modules = [import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    found: list[Strategy] = [module.STRATEGY for module in modules]
    return {one.name: one for one in sorted(found, key=lambda one: (one.name != LAST_WRITE_WINS, one.name))}


ALL = discover()


def offered() -> list[Strategy]:
    """Those that an operator may choose."""
    return [one for one in ALL.values() if one.offered]
