"""Backups: a side's database written to a folder, and brought back from one, for the commands. Neither needs Django's
database; what was restored is in the audit log where there is one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog
from django.db import DatabaseError
from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.backup import backup
from syncapp.backup.backup import SavedSide
from syncapp.backup.dump_folder import DumpError
from syncapp.backup.restore import Dump, Restored, open_dump, restore
from syncapp.conf.settings import SettingsError, get_settings
from syncapp.core.text.masking import mask_passwords
from syncapp.core.values import Side
from syncapp.core.version import VERSION
from syncapp.mongo.connect import connect
from syncapp.mongo.error_text import describe
from syncapp.mongo.errors import ConnectionDown, translate
from syncapp.rules.switches import audit
from syncapp.services.away import NOT_SET_UP, what_is_away
from syncapp.services.databases import VARIABLES, uri_of
from syncapp.services.errors import NotPossible, Unreachable
from syncapp.store.lease import active_listener

log = structlog.get_logger(__name__)
Say = Callable[[str], None]


def back_up(
    sides: Collection[Side], folder: Path, *, only: Collection[str], compress: bool, say: Say
) -> dict[Side, SavedSide]:
    """Write a new folder. `only`: names of collections; empty: all. Raises NotPossible or
    Unreachable."""
    with _or_refused("Not backed up"), ExitStack() as opened:
        get_settings().require(*(VARIABLES[side] for side in sides))
        return backup.back_up(
            {side: _opened(side, "backup", opened) for side in sides},
            folder,
            only=only,
            compress=compress,
            product_version=VERSION,
            say=say,
        )


@contextmanager
def to_restore(folder: Path, side: Side, *, force: bool) -> Iterator[tuple[Database[Any], Dump]]:
    """The database, and what the folder holds of it: to be shown before it is restored. `force`: even while a listener
    is active. Raises NotPossible or Unreachable, also for what goes wrong within."""
    with _or_refused("Not restored"), ExitStack() as opened:
        get_settings().require(VARIABLES[side])
        database = _opened(side, "restore", opened)
        dump = open_dump(folder, side, database.name)
        if not force and uri_of(
            Side.LOCAL
        ):  # the device of an Atlas that is restored from elsewhere is unknown
            _refuse_while_active(_opened(Side.LOCAL, "restore", opened))
        yield database, dump


def restore_all(database: Database[Any], dump: Dump, side: Side, *, drop: bool, say: Say) -> list[Restored]:
    """Within `to_restore`. `drop`: empty each collection first."""
    done = list(restore(database, dump, drop, say))
    try:
        audit(None, "restore", f"{side} from {dump.folder}: {sum(one.documents for one in done)} documents")
    except DatabaseError as error:
        if what_is_away(error) != NOT_SET_UP:  # before the first start there is no audit log
            log.warning(
                "Restore not recorded in the audit log", event_name="not_audited", error=describe(error)
            )
    return done


@contextmanager
def _or_refused(what: str) -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        found = translate(error)
        kind = Unreachable if isinstance(found, ConnectionDown) else NotPossible
        raise kind(mask_passwords(f"{what}: {found}")) from None
    except (DumpError, SettingsError, OSError) as error:
        raise NotPossible(f"{what}: {error}") from None


def _opened(side: Side, process: str, stack: ExitStack) -> Database[Any]:
    database: Database[Any] = connect(uri_of(side), process)
    stack.callback(database.client.close)
    return database


def _refuse_while_active(local: Database[Any]) -> None:
    try:
        holder = active_listener(local)
    except PyMongoError as error:
        raise DumpError(
            f"it is unknown whether a listener is active ({translate(error)}); --force overrides this"
        ) from None
    if holder:
        raise DumpError(
            f"the listener {holder} is active: stop it first (its lease ends within"
            " SYNC_LEASE_DURATION if it was killed); --force overrides this"
        )
