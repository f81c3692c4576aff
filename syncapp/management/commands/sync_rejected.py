"""`manage.py sync_rejected`: rejected changes: list, retry or discard them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from syncapp.core.text.one_line import one_line
from syncapp.core.text.typed_ids import id_to_type
from syncapp.management.command import SyncCommand, row_id
from syncapp.models import RejectedChange
from syncapp.services import rejected

FILTERS = ("id", "collection", "code")
ACTS = {"retry": rejected.retry, "discard": rejected.discard}


class Command(SyncCommand):
    help = "List rejected changes with the reason; retry or discard them."
    examples = {
        "": "the rejected changes and the reasons",
        "retry --id 12": "retry one",
        "retry --code 121": "all that validators refused",
        "discard --id 12": "discard one: neither side is changed",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=("list", *ACTS))
        parser.add_argument("--id", type=row_id, action="append", metavar="N", help="as the list shows it")
        parser.add_argument("--collection", help="those of this collection")
        parser.add_argument("--code", type=int, help="those that the server refused with this code")
        parser.add_argument("--all", action="store_true", help="every one")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["collection"] == "":
            raise CommandError("--collection is empty: name a collection, or leave it out")
        rows = self.chosen(options)
        if options["what"] == "list":
            self.show(rows, options["json"])
            return
        if not options["all"] and all(options[name] is None for name in FILTERS):
            raise CommandError("Choose with --id, --collection or --code, or give --all")
        count = ACTS[options["what"]](rows)
        if options["json"]:
            self.stdout.write(json.dumps({"count": count}))
        elif options["what"] == "retry":
            self.stdout.write(f"{count:,} document{'s' * (count != 1)} will be processed again.")
        else:
            self.stdout.write(f"{count:,} rejected change{'s' * (count != 1)} discarded.")

    @staticmethod
    def chosen(options: Mapping[str, Any]) -> QuerySet[RejectedChange]:
        fields = {name: options[name] for name in ("collection", "code") if options[name] is not None}
        return rejected.chosen(options["id"], **fields)

    def show(self, rows: QuerySet[RejectedChange], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([self.as_document(row) for row in rows], indent=2))
            return
        if not rows:
            self.stdout.write("No rejected changes.")
            return
        for row in rows:
            attempts = (
                f"{row.attempts} attempt{'s' * (row.attempts != 1)}, last {row.last_at:%Y-%m-%d %H:%M} UTC"
            )
            what = one_line(f"{row.get_direction_display()}  {row.collection} {id_to_type(row.document_id)}")
            self.stdout.write(f"{row.pk}  {what}  ({attempts})\n    {one_line(row.reason)}")

    @staticmethod
    def as_document(row: RejectedChange) -> dict[str, Any]:
        return {
            "id": row.pk,
            "collection": row.collection,
            "documentId": json.loads(row.document_id),
            "direction": row.direction,
            "reason": row.reason,
            "code": row.code,
            "heldBy": json.loads(row.other_id) if row.other_id else None,
            "attempts": row.attempts,
            "firstAt": row.first_at.isoformat(),
            "lastAt": row.last_at.isoformat(),
            "retriedAt": row.retried_at.isoformat() if row.retried_at else None,
        }
