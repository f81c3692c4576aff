"""All checks, one after the other. A check that fails to run is one line; the others are still made."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module

import pymongo
from pymongo.errors import PyMongoError

from syncapp.conf.settings import SyncSettings
from syncapp.core.text.masking import mask_passwords
from syncapp.doctor import checks, connections
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.error_text import describe

UNAUTHORIZED = 13
SECONDS = 10  # per check with MongoDB


@dataclass(frozen=True, slots=True)
class Line:
    """A finding, and the name of the check that found it."""

    check: str
    finding: Finding


def all_checks() -> list[Check]:
    """Those of every file in `checks`, in their order."""
    names = (module.name for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}."))
    return sorted((one for name in names for one in import_module(name).CHECKS), key=lambda one: one.place)


def examine(settings: SyncSettings, fix: bool = False) -> Iterator[Line]:
    """Run all checks; each line is yielded when it is known. Raises nothing that a server can cause."""
    for check in all_checks():
        if not check.needs:
            yield from _made(check, Setup(settings, fix=fix))
    yield from examine_servers(settings, fix)


def examine_servers(
    settings: SyncSettings, fix: bool = False, wanted: Callable[[Check], bool] = lambda check: True
) -> Iterator[Line]:
    """The checks of those servers whose addresses are set, alone: connections first, then the `wanted` ones."""
    setup = Setup(settings, fix=fix)
    databases, lines = connections.open_databases(setup)
    yield from (_line("connections", finding) for finding in lines)
    setup = replace(setup, databases=databases)
    try:
        for check in filter(wanted, all_checks()):
            if check.needs and all(side in databases for side in check.needs):
                yield from _made(check, setup)
    finally:
        for database in databases.values():
            database.client.close()


def _made(check: Check, setup: Setup) -> Iterator[Line]:
    found: list[Finding] = []
    try:
        with pymongo.timeout(SECONDS):
            found.extend(check.look(setup))  # findings before an error are kept
    except (PyMongoError, OSError) as error:
        if getattr(error, "code", None) == UNAUTHORIZED:
            # A missing privilege is reported once, with the required role, by the check of the privileges
            found.append(Finding(Level.NOTE, f"The login may not check {check.name}: {describe(error)}"))
        else:
            text = f"Check failed: {check.name}: {describe(error)}"
            found.append(Finding(Level.FAILED, text, "Fix this error and try again"))
    yield from (_line(check.name, finding) for finding in found)


def _line(check: str, finding: Finding) -> Line:
    todo = "\n".join(map(_one_line, finding.todo.splitlines()))
    return Line(check, replace(finding, text=_one_line(finding.text), todo=todo))


def _one_line(text: str) -> str:
    return " ".join(mask_passwords(text).split())


def verdict(lines: list[Line]) -> Level:
    """The worst of all."""
    return max((line.finding.level for line in lines), key=lambda level: level.exit_code, default=Level.OK)


def as_document(lines: list[Line]) -> dict[str, object]:
    """As API and `--json` show it."""
    worst = verdict(lines)
    return {
        "status": (worst if worst.exit_code else Level.OK).value,
        "findings": [
            {
                "check": line.check,
                "level": line.finding.level.value,
                "text": line.finding.text,
                "todo": line.finding.todo,
            }
            for line in lines
        ],
    }
