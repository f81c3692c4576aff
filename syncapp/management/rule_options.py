"""A collection rule on the command line: as one JSON object, or by options that change the rule that is there."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.core import strategies
from syncapp.core.rule.collection_rule import DELETES, CollectionRule, Direction, OnLeave, Urgency
from syncapp.models import CollectionRule as Row
from syncapp.rules.rule_check import ARRAYS, NUMBERS

# Option → the part that it sets, as it is given
PLAIN = {
    "priority": "priority",
    "direction": "direction",
    "strategy": "strategy",
    "resolver": "resolver",
    "timestamp_field": "timestampField",
    "on_leave": "onLeave",
    "urgency": "urgency",
    "own_fields": "ownFields",
    "masked_fields": "maskedFields",
}


def add_rule_options(parser: CommandParser) -> None:
    group = parser.add_argument_group("parts of a rule, with set and preview")
    group.add_argument(
        "--priority", type=int, metavar="N", help="the lowest is asked first; 100 if not given"
    )
    group.add_argument("--direction", choices=list(map(str, Direction)))
    names = ", ".join(one.name for one in strategies.offered())
    group.add_argument("--strategy", metavar="NAME", help=f"for conflicts: {names}; '' for the general one")
    group.add_argument("--resolver", metavar="PATH", help="of a Python callable, for the strategy callable")
    group.add_argument(
        "--number", action="append", dest="numbers", metavar="FIELD=HOW",
        help=f"for field-merge: {', '.join(NUMBERS)}",
    )  # fmt: skip
    group.add_argument(
        "--array", action="append", dest="arrays", metavar="FIELD=HOW",
        help=f"for field-merge: {', '.join(ARRAYS)}, or key:NAME for the field that tells elements apart",
    )  # fmt: skip
    group.add_argument("--timestamp-field", metavar="FIELD", help="for times that nobody knows")
    group.add_argument("--filter", metavar="JSON", help="a match expression; {} for all documents")
    group.add_argument(
        "--on-leave", choices=list(map(str, OnLeave)), help="what becomes here of a document that leaves it"
    )
    group.add_argument(
        "--no-deletes", action="append", choices=list(DELETES), help="whose deletes are not transferred"
    )
    group.add_argument(
        "--own-field", action="append", dest="own_fields", metavar="FIELD", help="that each side keeps"
    )
    group.add_argument(
        "--masked-field", action="append", dest="masked_fields", metavar="FIELD", help="that is not shown"
    )
    group.add_argument("--urgency", choices=list(map(str, Urgency)))
    group.add_argument("--validation", metavar="JSON", help="as MongoDB's $jsonSchema has it")


def given_rule(text: str, options: dict[str, Any]) -> Any:
    """The whole rule, unchecked. Raises CommandError."""
    parts = _parts(options)
    if not text.lstrip().startswith("{"):
        row = Row.objects.filter(pattern=text).first()
        stored = CollectionRule.of(row.document) if row else CollectionRule(text)
        return {**stored.as_document(), **parts}
    if parts:
        raise CommandError("Give the rule as JSON, or a pattern with options: not both")
    return read_json(text, "The rule")


def read_json(text: str, what: str) -> Any:
    """Raises CommandError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{what} is not JSON: {error}") from None


def _parts(options: dict[str, Any]) -> dict[str, Any]:
    """The parts that the options name."""
    found = {part: options[name] for name, part in PLAIN.items() if options[name] is not None}
    found |= {
        name: read_json(options[name], f"--{name}")
        for name in ("filter", "validation")
        if options[name] is not None
    }
    if options["numbers"]:
        found["numbers"] = dict(_pair(one, "--number") for one in options["numbers"])
    if options["arrays"]:
        pairs = (_pair(one, "--array") for one in options["arrays"])
        found["arrays"] = {name: {"key": how[4:]} if how.startswith("key:") else how for name, how in pairs}
    if options["no_deletes"]:
        found["deletes"] = {name: name not in options["no_deletes"] for name in DELETES}
    return found


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, how = text.rpartition("=")
    if not equals:
        raise CommandError(f"{option} {text} is no FIELD=HOW, such as stock=sum")
    return name, how
