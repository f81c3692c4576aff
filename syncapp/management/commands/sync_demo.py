"""Sample traffic of a small shop on both sides, for test databases."""

from __future__ import annotations

import random
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from pymongo import MongoClient

from syncapp.conf.settings import get_settings
from syncapp.demo.samples import Document
from syncapp.demo.shop import Shop
from syncapp.management.command import SyncCommand

TIMEOUT_MS = 3_000  # of each attempt to reach a server


class Command(SyncCommand):
    help = "Generate sample traffic on both sides: orders, menuitems, tables and sessions. Not for production data."
    examples = {
        "": "three writes a second, until Ctrl-C",
        "--rate 50 --seconds 60 --seed 1": "one minute at a higher rate, reproducible",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rate", type=float, default=3.0, help="writes a second (default 3)")
        parser.add_argument("--seconds", type=float, help="stop after so many seconds (default: never)")
        parser.add_argument("--seed", type=int, help="seed of the random numbers")

    def handle(self, *args: Any, **options: Any) -> None:
        settings = get_settings()
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI")
        if not 0 < options["rate"] <= 1_000:
            raise CommandError(f"--rate is {options['rate']}; allowed: more than 0, at most 1000")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with _client(settings.mongodb_uri) as local, _client(settings.mongodb_atlas_uri) as atlas:
            shop = Shop(
                local[settings.local_database],
                atlas[settings.atlas_database],
                options["rate"],
                stop,
                random.Random(options["seed"]),
            )
            shop.run(options["seconds"])
        writes, conflicts = shop.written, shop.conflicts
        self.stdout.write(
            f"{writes} write{'s' * (writes != 1)}, and {conflicts} conflict{'s' * (conflicts != 1)}"
        )


def _client(uri: str) -> MongoClient[Document]:
    return MongoClient(
        uri, serverSelectionTimeoutMS=TIMEOUT_MS, connectTimeoutMS=TIMEOUT_MS, socketTimeoutMS=10_000
    )
