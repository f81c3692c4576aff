"""Collection rules, exclusions and validation rules as one file for a fleet. A file replaces what it names, all of it or, if
anything in it is wrong, nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.db import transaction

from syncapp.core.rule.collection_rule import CollectionRules
from syncapp.core.rule.patterns import OF_OLDER_SETTINGS
from syncapp.models import CollectionRule as Row
from syncapp.models.choices import RuleKind
from syncapp.rules.rule_check import faults
from syncapp.rules.switches import Actor
from syncapp.services.errors import WrongInput, shown
from syncapp.services.rules import validation
from syncapp.services.rules.collection_rules import checked_by, current, refuse, server_for
from syncapp.services.rules.rule_changes import Change, laid_down, write
from syncapp.services.rules.unmasking import refusal

FORMAT = 1  # of a file
MOST_RULES = 1_000  # of each kind
KINDS = {"rules": RuleKind.RULE, "exclusions": RuleKind.EXCLUSION, "validationRules": RuleKind.VALIDATION}
EXAMPLES: Mapping[RuleKind, Mapping[str, Any]] = {
    RuleKind.EXCLUSION: {"pattern": "temp_*"},
    RuleKind.VALIDATION: {"pattern": "orders", "schema": {"required": ["total"]}},
}
# By kind, and by pattern. A kind that is missing stays as it is
Wanted = Mapping[RuleKind, Mapping[str, dict[str, Any]]]


def export_rules() -> dict[str, Any]:
    """All there is, the rules in the order in which they are asked."""
    found: dict[str, Any] = {name: list(laid_down(kind).values()) for name, kind in KINDS.items()}
    return {"format": FORMAT, **found, "rules": [rule.as_document() for rule in current().rules]}


def read_file(given: object) -> Wanted:
    """What an exported file wants, checked. Raises WrongInput or Unreachable."""
    lists = _lists(given)
    with server_for(lists.get("rules", ())) as local:
        checks: dict[str, Callable[[object], dict[str, Any]]] = {
            "rules": partial(checked_by, local),
            "exclusions": _exclusion,
            "validationRules": _validation_rule,
        }
        return {KINDS[name]: _read(name, entries, checks[name]) for name, entries in lists.items()}


def changes_to(wanted: Wanted) -> list[Change]:
    """What replacing what there is by these changes: by kind, in the order of the patterns."""
    found = []
    for kind, after in wanted.items():
        before = laid_down(kind)
        found += [Change(kind, name, before.get(name), after.get(name)) for name in sorted({*before, *after})]
    return found


def import_rules(given: object, user: Actor = None) -> list[Change]:
    """Replace what a file names by what it has. Raises WrongInput, NotAllowed or Unreachable."""
    wanted = read_file(given)
    with transaction.atomic():
        list(Row.of_all_kinds.select_for_update())
        if RuleKind.RULE in wanted:
            refuse(refusal(current(), CollectionRules.of(wanted[RuleKind.RULE].values()), user))
        found = changes_to(wanted)
        for change in found:
            if change.what != "unchanged":
                write(change, user)
    return found


def _lists(given: object) -> dict[str, list[object]]:
    if not isinstance(given, Mapping) or not {"format"} < set(given) <= {"format", *KINDS}:
        parts = ", ".join(f'"{name}": [...]' for name in KINDS)
        raise WrongInput(
            f'The file is {shown(given)}; allowed: an export, {{"format": {FORMAT}, {parts}}}, or a part of it'
        )
    if given["format"] != FORMAT or isinstance(given["format"], bool):
        raise WrongInput(f"format is {shown(given['format'])}; allowed: {FORMAT}", "format")
    found = {name: given[name] for name in KINDS if name in given}
    for name, entries in found.items():
        if not isinstance(entries, list) or len(entries) > MOST_RULES:
            raise WrongInput(f"{name} is {shown(entries)}; allowed: a list of at most {MOST_RULES:,}", name)
    return found


def _read(
    name: str, entries: list[object], check: Callable[[object], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(entries):
        try:
            one = check(entry)
        except WrongInput as error:
            field = ".".join(filter(None, (name, str(number), error.field)))
            raise WrongInput(f"{KINDS[name].label} {number + 1}: {error.detail}", field) from None
        if one["pattern"] in found:
            raise WrongInput(f"{name} has two for the pattern {one['pattern']}", name)
        found[one["pattern"]] = one
    return found


def _exclusion(given: object) -> dict[str, Any]:
    return _with_pattern(given, RuleKind.EXCLUSION, (OF_OLDER_SETTINGS,))


def _validation_rule(given: object) -> dict[str, Any]:
    found = _with_pattern(given, RuleKind.VALIDATION)
    return {**found, "schema": validation.checked(found["schema"])}


def _with_pattern(given: object, kind: RuleKind, also: tuple[str, ...] = ()) -> dict[str, Any]:
    """`also`: patterns that are allowed too, as is each that is there: older versions accepted some that are refused today."""
    if not isinstance(given, Mapping) or set(given) != set(EXAMPLES[kind]):
        raise WrongInput(f"it is {shown(given)}; allowed: an object such as {shown(EXAMPLES[kind])}")
    if (wrong := faults({"pattern": given["pattern"]})) and given["pattern"] not in (*also, *laid_down(kind)):
        raise WrongInput(wrong["pattern"], "pattern")
    return dict(given)
