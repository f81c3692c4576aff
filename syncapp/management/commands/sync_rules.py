"""`manage.py sync_rules`: which rule a collection gets, changing rules, and what a change will do."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.core.text.one_line import one_line
from syncapp.core.text.typed_ids import id_to_type
from syncapp.core.values import BOTH, Side
from syncapp.management.command import SyncCommand
from syncapp.management.rule_options import add_rule_options, given_rule, read_json
from syncapp.models import CollectionRule as Row
from syncapp.models.choices import RuleKind
from syncapp.services.rules import collection_rules, rule_files, rule_lookup, rule_preview, validation_check
from syncapp.services.rules.patterns import matches
from syncapp.services.rules.rule_preview import Preview

TAKES = {  # what `subject` is
    "list": "",
    "show": "a collection",
    "set": "a rule as JSON, or a pattern with options",
    "delete": "a pattern",
    "preview": "as set; with --delete a pattern, with --file a file",
    "check": "a pattern",
    "export": "",
    "import": "a file",
}
SIDES = {Side.LOCAL: "here", Side.ATLAS: "on Atlas"}


class Command(SyncCommand):
    help = (
        "List collection rules, say which one a collection gets and why (show), set, delete and preview them, check the "
        "documents that are there (check), and exchange all of them as one file, with exclusions and validation rules. The rule "
        "with the lowest priority that matches a collection counts, alone. Exclusions and validation rules always apply and are "
        "listed too. "
        "Exit status of check: 0 nothing would be refused, 1 something would."
    )
    refused = 2  # 1 means something else
    examples = {
        "list": "exclusions, rules in the order in which they are asked, and validation rules",
        "show orders": "which rule orders gets, why, and what else applies",
        "set orders --priority 10 --own-field lastSync": "add or change a rule: other parts stay as they are",
        """set '{"pattern": "audit*", "direction": "localToAtlas"}'""": "replace the whole rule",
        """preview orders --filter '{"shop": "a"}'""": "what this change would do; it changes nothing",
        "preview orders --delete --seconds 0": "what removing it would do, by reading everything",
        "check orders": "which documents the validation would refuse",
        "delete orders": "remove it",
        "export": "all of them as one file, for import on other devices",
        "import rules.json": "replace what the file names (rules, exclusions, validationRules): all of it, or nothing",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=list(TAKES))
        takes = "; ".join(f"{name}: {text}" for name, text in TAKES.items() if text)
        parser.add_argument("subject", nargs="?", default="", help=takes)
        add_rule_options(parser)
        parser.add_argument("--delete", action="store_true", help="with preview: of removing it")
        parser.add_argument("--file", action="store_true", help="with preview: of importing it")
        parser.add_argument(
            "--seconds", type=float, default=5.0, metavar="S",
            help="with preview and check: read for so long, 0: everything (default: 5)",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what = options["what"]
        if bool(TAKES[what]) != bool(options["subject"]):
            raise CommandError(f"{what} takes {TAKES[what] or 'nothing more'}")
        if not 0 <= options["seconds"] < math.inf:
            raise CommandError(f"--seconds is {options['seconds']:g}; allowed: a number of at least 0")
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self.list_rules,
            "show": self.show,
            "set": self.set_rule,
            "delete": self.delete,
            "preview": self.preview,
            "check": self.check_documents,
            "export": self.export,
            "import": self.import_file,
        }
        acts[what](options)

    def list_rules(self, options: dict[str, Any]) -> None:
        rules = collection_rules.current().rules
        if options["json"]:
            self.say({"rules": [rule.as_document() for rule in rules], "beside": rule_lookup.beside()})
            return
        for row in collection_rules.rows_of_all_kinds():
            self.stdout.write(f"{row.kind:<10}  {_line(row)}")
        if not rules:
            self.stdout.write("No collection rules: the general settings apply")

    def show(self, options: dict[str, Any]) -> None:
        found = rule_lookup.look_up(options["subject"])
        if options["json"]:
            self.say(found.as_document())
        else:
            self.stdout.write(
                "\n".join([one_line(f"{found.because}."), *(f"  {one_line(one)}" for one in found.effects)])
            )

    def set_rule(self, options: dict[str, Any]) -> None:
        row = collection_rules.set_rule(given_rule(options["subject"], options))
        self._said(row, options)

    def delete(self, options: dict[str, Any]) -> None:
        collection_rules.delete_rule(options["subject"])
        if options["json"]:
            self.say({"removed": options["subject"]})
        else:
            self.stdout.write(f"The rule {options['subject']} is removed")

    def preview(self, options: dict[str, Any]) -> None:
        subject, seconds = options["subject"], options["seconds"] or None
        if options["delete"]:
            found = rule_preview.preview_delete(subject, seconds)
        elif options["file"]:
            found = rule_preview.preview_import(_file(subject), seconds)
        else:
            found = rule_preview.preview_rule(given_rule(subject, options), seconds)
        if options["json"]:
            self.say(found.as_document())
        else:
            self.stdout.write("\n".join(map(one_line, _preview(found))))

    def check_documents(self, options: dict[str, Any]) -> None:
        text = options["validation"]
        schema = validation_check.MISSING if text is None else read_json(text, "--validation")
        found = validation_check.check_now(options["subject"], schema, options["seconds"] or None)
        if options["json"]:
            self.say(found.as_document())
        else:
            self.stdout.write("\n".join(map(one_line, _checked(found))))
        if found.refused:
            raise SystemExit(1)

    def export(self, options: dict[str, Any]) -> None:
        self.say(rule_files.export_rules())

    def import_file(self, options: dict[str, Any]) -> None:
        found = rule_files.import_rules(_file(options["subject"]))
        if options["json"]:
            self.say({"rules": [change.as_document() for change in found]})
        else:
            self.stdout.write("\n".join(map(one_line, map(str, found))) or "Nothing before, and nothing now")

    def say(self, document: Any) -> None:
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))

    def _said(self, row: Row, options: dict[str, Any]) -> None:
        if options["json"]:
            self.say({**row.as_document(), "matches": matches(row.pattern).as_document()})
        else:
            self.stdout.write(f"{_line(row)}\n{matches(row.pattern)}")


def _line(row: Row) -> str:
    priority = row.priority if row.kind == RuleKind.RULE else ""
    return one_line(f"{priority:>6}  {row.pattern}: {'; '.join(rule_lookup.effects_of(row))}")


def _file(path: str) -> Any:
    """The JSON of a file; -: of the standard input. Raises CommandError."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    return read_json(text, path)


def _preview(found: Preview) -> Iterator[str]:
    yield from map(str, found.changes) if found.changes else ["Nothing changes"]
    for effect in found.effects:
        yield f"  {effect.collection}"
        yield from (f"    {sentence}" for sentence in effect.sentences)
    yield from found.remarks


def _checked(found: validation_check.Checked) -> Iterator[str]:
    if not found.found:
        yield "No validation applies to these collections"
    for one in found.found:
        counts = ", ".join(f"{one.refused[side]:,} of {one.read[side]:,} {SIDES[side]}" for side in BOTH)
        yield f"{one.collection}: {counts} would be refused{'' if one.whole else ' (a sample: the first by _id)'}"
        for side in BOTH:
            yield from (f"  {SIDES[side]} {id_to_type(key)}: {why}" for key, why in one.samples[side])
    if found.left:
        yield f"{found.left:,} further collections were not looked at"
