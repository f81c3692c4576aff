"""`manage.py sync_explain`: why a document is as it is, and what sync would do next."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.core.text.extended_json import NoId, extended_id
from syncapp.core.text.one_line import one_line
from syncapp.core.text.typed_ids import id_to_type, typed_id
from syncapp.management.command import SyncCommand
from syncapp.services.explain import Explanation, explain


class Command(SyncCommand):
    help = (
        "Explain one document: whether both sides are equal, what sync would do next, and its history (pushes of all devices, "
        "conflicts and why a version won, rejections); and where it is in the listener's queue. Nothing is written on either side."
    )
    examples = {
        "orders A-1001": "by an _id that is text",
        "orders 42 --json": "for scripts",
        "orders \"ObjectId('65a1b2c3d4e5f60718293a4b')\"": "as mongosh shows it",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("collection")
        parser.add_argument("id", help="the _id, as mongosh shows it or in extended JSON")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            id_bson = typed_id(options["id"])
        except NoId as error:
            raise CommandError(
                f'{error}; allowed: A-1001, 42, "ObjectId(\'…\')", \'{{"$oid": "…"}}\''
            ) from None
        found = explain(options["collection"], id_bson)
        if options["json"]:
            self.stdout.write(json.dumps(found.as_document(), indent=2))
            return
        self.stdout.write("\n".join(lines(found)))


def lines(found: Explanation) -> list[str]:
    key, told = found.found.key, found.as_document()
    text = [
        one_line(f"{key.collection} {id_to_type(extended_id(key.id_bson))}"),
        f"  {found.state}",
        f"  Next: {found.next}",
    ]
    if found.queue:
        text.append(f"  Queue: {one_line(found.queue.text)}")
    if found.reason:
        text.append(f"  Why:  {one_line(found.reason.text)}")
    for side in ("local", "atlas"):
        there = told[side]
        what = f"{there['bytes']:,} bytes, content {there['hash']}" if there["present"] else "absent"
        text.append(f"  {side:<6} {what}")
    if agreed := told["agreed"]:
        same = agreed["local"] == agreed["atlas"]
        contents = (
            agreed["local"] or "absent"
            if same
            else f"local {agreed['local'] or 'absent'}, Atlas {agreed['atlas'] or 'absent'}"
        )
        text.append(
            f"  agreed {contents}, after {told['decisions']:,} decision{'s' * (told['decisions'] != 1)}"
        )
    if found.history:
        text.append("  History, the newest first:")
        text += [f"    {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.text}" for event in found.history]
    else:
        text.append("  No push, conflict or rejection is recorded.")
    if found.incomplete:
        text.append(f"  {found.incomplete}.")
    return text
