"""All checks, one after the other. A check that cannot be made says so in one line; the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pymongo
from pymongo.errors import PyMongoError

from syncapp.conf.settings import SyncSettings
from syncapp.core.masking import mask_passwords
from syncapp.core.values import BOTH, Side
from syncapp.doctor import (
    broker,
    clocks,
    connections,
    differences,
    disk,
    django_database,
    excluded,
    lifetime,
    oplog,
    privileges,
    refused,
    required_settings,
    servers,
    times,
    workers,
)
from syncapp.doctor.values import Check, Finding, Level, Setup, each_side
from syncapp.mongo.error_text import describe

UNAUTHORIZED = 13
SECONDS = 10  # that one check may take with MongoDB

BEFORE = (
    Check("settings", required_settings.look),
    Check("django", django_database.look),
    Check("broker", broker.look),
    Check("workers", workers.look),
    Check("disk", disk.look_at_home),
)
WITH_DATABASES = (
    *each_side(servers.look, "servers"),
    *each_side(privileges.look, "privileges"),
    *each_side(times.look, "times"),
    *each_side(oplog.look, "oplog"),
    *each_side(disk.look, "disk"),
    Check("clocks", clocks.look, BOTH),
    Check("lifetime", lifetime.look, (Side.LOCAL,)),
    Check("exclusions", excluded.look, BOTH),
    Check("refused", refused.look, BOTH),
    Check("differences", differences.look, BOTH),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A finding, and the name of the check that found it."""

    check: str
    finding: Finding


def examine(settings: SyncSettings, fix: bool = False) -> Iterator[Line]:
    """Look at everything; each line comes when it is known. Raises nothing that a server can cause."""
    setup = Setup(settings, fix=fix)
    for check in BEFORE:
        yield from _made(check, setup)
    databases, lines = connections.open_databases(setup)
    yield from (_line("connections", finding) for finding in lines)
    setup = replace(setup, databases=databases)
    try:
        for check in WITH_DATABASES:
            if all(side in databases for side in check.needs):
                yield from _made(check, setup)
    finally:
        for database in databases.values():
            database.client.close()


def _made(check: Check, setup: Setup) -> Iterator[Line]:
    found: list[Finding] = []
    try:
        with pymongo.timeout(SECONDS):
            found.extend(check.look(setup))  # what was found before an error stays
    except (PyMongoError, OSError) as error:
        if getattr(error, "code", None) == UNAUTHORIZED:
            # A missing right is said once, with the role that has it, by the check of the privileges
            found.append(Finding(Level.NOTE, f"The login may not look at {check.name}: {describe(error)}"))
        else:
            text = f"Could not look at {check.name}: {describe(error)}"
            found.append(Finding(Level.FAILED, text, "Mend what the text names, try again"))
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
