"""`manage.py sync_backup`: a database written to a folder that mongorestore and `sync_restore` read."""

from __future__ import annotations

import datetime as dt
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from pymongo.errors import PyMongoError

from syncapp.backup.backup import SavedSide, back_up
from syncapp.backup.dump_folder import DumpError
from syncapp.conf.settings import SettingsError, get_settings
from syncapp.core.masking import mask_passwords
from syncapp.core.values import BOTH, Side
from syncapp.management.command import SyncCommand
from syncapp.mongo.connect import connect
from syncapp.mongo.errors import translate

VARIABLES = {Side.LOCAL: "MONGODB_URI", Side.ATLAS: "MONGODB_ATLAS_URI"}


class Command(SyncCommand):
    help = "Back up the local database, Atlas, or both, to a folder that mongorestore understands."
    examples = {
        "": "the local database, to SYNC_HOME/backups/<time>",
        "--side both --out backup-1 --gzip": "both sides, compressed, to a new folder",
        "--collections orders customers": "only these",
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--side", choices=["local", "atlas", "both"], default="local")
        parser.add_argument("--out", type=Path, help="a new folder; default: SYNC_HOME/backups/<time>")
        parser.add_argument("--collections", nargs="+", default=[], metavar="NAME", help="only these")
        parser.add_argument("--gzip", action="store_true", help="compress every file")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        settings = get_settings()
        sides = BOTH if options["side"] == "both" else (Side(options["side"]),)
        name = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H-%M-%SZ}"
        folder: Path = (options["out"] or settings.home / "backups" / name).absolute()
        databases = {}
        try:
            settings.require(*(VARIABLES[side] for side in sides))
            for side in sides:
                uri = settings.mongodb_uri if side is Side.LOCAL else settings.mongodb_atlas_uri
                databases[side] = connect(uri, "backup")
            saved = back_up(
                databases,
                folder,
                only=options["collections"],
                compress=options["gzip"],
                product_version=_version(),
                say=lambda text: None if options["json"] else self.stdout.write(text),
            )
        except PyMongoError as error:
            raise CommandError(mask_passwords(f"Not backed up: {translate(error)}")) from None
        except (DumpError, SettingsError, OSError) as error:
            raise CommandError(f"Not backed up: {error}") from None
        finally:
            for database in databases.values():
                database.client.close()
        self.stdout.write(_document(folder, saved) if options["json"] else _summary(folder, saved))


def _version() -> str:
    try:
        return version("isthmus")
    except PackageNotFoundError:  # run from its folder, without having been installed
        return ""


def _document(folder: Path, saved: dict[Side, SavedSide]) -> str:
    sides = {
        side.value: {
            "database": one.database,
            "atClusterTime": one.at_cluster_time,
            "collections": len(one.collections),
            "documents": one.documents,
            "bytes": one.bytes,
            "notAtThatMoment": one.apart,
        }
        for side, one in saved.items()
    }
    return json.dumps({"folder": str(folder), "sides": sides}, indent=2, ensure_ascii=False)


def _summary(folder: Path, saved: dict[Side, SavedSide]) -> str:
    parts = []
    for side, one in saved.items():
        text = f"{side} {one.documents:,} documents of {len(one.collections)} collections"
        if one.apart:
            text += f" (not all of one moment: {', '.join(one.apart)})"
        parts.append(text)
    return f"Backed up to {folder}: " + "; ".join(parts)
