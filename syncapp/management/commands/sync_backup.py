"""`manage.py sync_backup`: a database written to a folder that mongorestore and `sync_restore` read."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from syncapp.backup.backup import SavedSide
from syncapp.conf.settings import get_settings
from syncapp.core.values import BOTH, Side
from syncapp.management.command import SyncCommand
from syncapp.services.backups import back_up


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
        sides = BOTH if options["side"] == "both" else (Side(options["side"]),)
        folder: Path = (options["out"] or _by_time(get_settings().home / "backups")).absolute()
        saved = back_up(
            sides,
            folder,
            only=options["collections"],
            compress=options["gzip"],
            say=lambda text: None if options["json"] else self.stdout.write(text),
        )
        self.stdout.write(_document(folder, saved) if options["json"] else _summary(folder, saved))


def _by_time(parent: Path) -> Path:
    """Of several in one second, the later ones get a number."""
    name = f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H-%M-%SZ}"
    taken = len(list(parent.glob(f"{name}*")))
    return parent / (f"{name}-{taken + 1}" if taken else name)


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
