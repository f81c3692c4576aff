"""`manage.py sync_token show|clear`: where each change stream resumes after a restart, and deleting that."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from syncapp.core.values import BOTH, Side
from syncapp.management.command import SyncCommand
from syncapp.services import tokens
from syncapp.services.tokens import ShownToken

NAMES = {Side.LOCAL: "Local", Side.ATLAS: "Atlas"}


class Command(SyncCommand):
    help = (
        "Show the saved resume tokens, at which the change streams resume after a restart; `clear` deletes "
        "them: the listener compares both sides, at once or at its next start. Nothing is lost."
    )
    examples = {
        "show": "both tokens: time of saving, and up to when the stream was processed",
        "show --json": "for scripts, with the tokens themselves",
        "clear --side atlas": "delete Atlas's; both sides are compared",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="show", choices=("show", "clear"))
        parser.add_argument("--side", choices=[side.value for side in BOTH], help="only this side's token")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        sides = (Side(options["side"]),) if options["side"] else BOTH
        if options["what"] == "clear":
            self.say_cleared(tokens.clear(sides), options["json"])
        else:
            self.show(tokens.show(sides), options["json"])

    def show(self, saved: dict[Side, ShownToken | None], as_json: bool) -> None:
        if as_json:
            documents = {side.value: token.as_document() if token else None for side, token in saved.items()}
            self.stdout.write(json.dumps(documents, indent=2))
            return
        for side, token in saved.items():
            self.stdout.write(f"{NAMES[side]}: {token or 'no token is saved'}")

    def say_cleared(self, cleared: list[Side], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"cleared": [side.value for side in cleared]}))
        elif cleared:
            names = " and ".join(NAMES[side] for side in cleared)
            self.stdout.write(
                f"Cleared: {names}. The listener compares both sides, at once or when it starts."
            )
        else:
            self.stdout.write("No token was saved.")
