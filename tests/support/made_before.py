"""What a device of layout 2 left in its databases, made by the program that had it, with everything that an upgrade
must not lose: documents of both sides, states (some with pushes that landed as a batch, or were refused), markers, a halt
over 250 deletes, two conflicts that wait for an operator and four that are resolved, two rejected changes, comparison
runs, settings, figures. Positions are two years older than they were: servers wait for those that are to come."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

from bson import json_util
from pymongo.database import Database

FOLDER = Path(__file__).with_name("made_by_layout_2")
EXACTLY = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=False)


def fill(local: Database[Any], atlas: Database[Any]) -> None:
    """Both databases, which must be empty, without resume tokens: those of another server say nothing here."""
    sides = {"local": local, "atlas": atlas}
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    with gzip.open(FOLDER / "mongodb.json.gz", "rt") as file:
        for line in file:
            side, collection, _ = json.loads(line)
            found[side, collection].append(json_util.loads(line, json_options=EXACTLY)[2])
    atlas.create_collection("stock", validator={"count": {"$gte": 0}})
    for (side, collection), documents in found.items():
        sides[side][collection].insert_many(documents)


def write_django_database(path: Path) -> None:
    """SQLite's file, before the migrations that came with layout 3."""
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection, gzip.open(FOLDER / "django.sql.gz") as file:
        connection.executescript(file.read().decode())
