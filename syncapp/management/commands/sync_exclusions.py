"""`manage.py sync_exclusions list|add|remove`: which collections are not pulled from Atlas."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.management.command import SyncCommand
from syncapp.models import ExcludedCollection
from syncapp.services.rules.exclusions import exclude, include
from syncapp.services.rules.patterns import Matches, matches, matches_of


class Command(SyncCommand):
    help = (
        "List, add and remove excluded collections, without a restart: not pulled from Atlas, but still pushed. "
        "A pattern is a name, or contains * (any characters) and ? (one)."
    )
    examples = {
        "list": "all patterns, and what each matches now on both sides",
        "list --json": "the same for scripts",
        "add 'temp_*'": "stop pulling them; says what the pattern matches now",
        "remove 'temp_*'": "pull them again",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=("list", "add", "remove"))
        parser.add_argument("pattern", nargs="?", default="", help="with add and remove")
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, pattern = options["what"], options["pattern"]
        if (what == "list") == bool(pattern):
            raise CommandError("add and remove take one pattern, list takes none")
        if what == "list":
            patterns = ExcludedCollection.objects.values_list("pattern", flat=True)
            self.say(matches_of(patterns), options["json"])
        elif what == "add":
            exclude(pattern)
            self.say([matches(pattern)], options["json"])
        else:
            include(pattern)
            if options["json"]:
                self.stdout.write(json.dumps({"removed": pattern}))
            else:
                self.stdout.write(f"{pattern} is no longer excluded: what Atlas holds of it is pulled")

    def say(self, found: list[Matches], as_json: bool) -> None:
        if as_json:
            shown = [{"pattern": one.pattern, "matches": one.as_document()} for one in found]
            self.stdout.write(json.dumps(shown, indent=2))
        elif not found:
            self.stdout.write("No exclusions: every collection is pulled from Atlas")
        else:
            for one in found:
                self.stdout.write(str(one))
