"""Collection rules: set, removed, listed, and exchanged as one file. API, admin and command call it; each change is in the
audit log with what was before and after, and the workers read the rules again.

Exclusions and validation rules are kept beside them, and always apply: the first match of a collection rule counts, alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

from bson.errors import BSONError
from django.db import transaction
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.conf.settings import get_settings
from syncapp.core.collection_rule import CollectionRule, CollectionRules
from syncapp.core.match_expressions import read_filter
from syncapp.core.one_line import one_line
from syncapp.core.resolver import find
from syncapp.core.rule_words import change_text, changes
from syncapp.models import CollectionRule as Row
from syncapp.rules.rule_check import complete, faults
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.databases import local_database
from syncapp.services.errors import NotAllowed, NotFound, WrongInput, shown
from syncapp.services.unmasking import refusal
from syncapp.store.names import METADATA

PROCESS = "collection rules"
FORMAT = 1  # of an exported file
MOST_RULES = 1_000
TRY_MS = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the rule of a pattern. None: there was, or is, none."""

    pattern: str
    before: CollectionRule | None
    after: CollectionRule | None

    @property
    def what(self) -> str:
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "unchanged" if self.before == self.after else "changed"

    def as_document(self) -> dict[str, Any]:
        parts = changes(self.before or CollectionRule(), self.after or CollectionRule())
        return {
            "pattern": self.pattern,
            "what": self.what,
            "parts": [{"part": name, "before": old, "after": new} for name, (old, new) in parts.items()],
        }

    def __str__(self) -> str:
        return f"{self.pattern}: {change_text(self.before, self.after) or 'unchanged'}"


def faults_of(given: object) -> dict[str, str]:
    """What is wrong with a rule: by field, one line. The local server is asked about its filter. Raises Unreachable."""
    with _server_for([given]) as local:
        return _faults(given, local)


def checked(given: object) -> dict[str, Any]:
    """The rule in its stored form. Raises WrongInput, whose field is the part concerned, or Unreachable."""
    with _server_for([given]) as local:
        return _checked(given, local)


def current() -> CollectionRules:
    """In the order in which they are asked."""
    return CollectionRules.of(Row.objects.values_list("document", flat=True))


def rows() -> list[Row]:
    """The same, with the times of their changes."""
    return sorted(Row.objects.all(), key=lambda row: CollectionRule.of(row.document).rank)


def one(pattern: str) -> Row:
    """Raises NotFound."""
    found = Row.objects.filter(pattern=pattern).first()
    if found is None:
        raise NotFound(f"There is no collection rule for {shown(pattern)[1:-1]}", "pattern")
    return found


def set_rule(given: object, user: Actor = None) -> Row:
    """Replace the rule of this pattern, or add it; parts that are not given get their defaults. An unchanged rule is not
    written. Raises WrongInput, NotAllowed or Unreachable."""
    document = checked(given)
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(pattern=document["pattern"]).first()
        if row is not None and CollectionRule.of(row.document) == CollectionRule.of(document):
            return row
        _refuse(refused_rule(document, user))
        return _write(_change(row, document), user)


def delete_rule(pattern: str, user: Actor = None) -> None:
    """Raises NotFound or NotAllowed."""
    with transaction.atomic():
        row = one(pattern)
        _refuse(refused_removal(pattern, user))
        _write(_change(row, None), user)


def refused_rule(document: Mapping[str, Any], user: Actor) -> str:
    """Why this person may not set this rule, which has no faults; empty: he may."""
    return refusal(*_with(CollectionRule.of(document).pattern, [document]), user)


def refused_removal(pattern: str, user: Actor) -> str:
    """The same of removing one."""
    return refusal(*_with(pattern, []), user)


def export_rules() -> dict[str, Any]:
    """All rules as one file for a fleet, in the order in which they are asked."""
    return {"format": FORMAT, "rules": [rule.as_document() for rule in current().rules]}


def read_file(given: object) -> list[dict[str, Any]]:
    """The rules of an exported file, checked. Raises WrongInput or Unreachable."""
    if not isinstance(given, Mapping) or set(given) != {"format", "rules"}:
        raise WrongInput(
            f'The file is {shown(given)}; allowed: an export, {{"format": {FORMAT}, "rules": [...]}}'
        )
    if given["format"] != FORMAT or isinstance(given["format"], bool):
        raise WrongInput(f"format is {shown(given['format'])}; allowed: {FORMAT}", "format")
    rules = given["rules"]
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise WrongInput(f"rules is {shown(rules)}; allowed: a list of at most {MOST_RULES:,}", "rules")
    with _server_for(rules) as local:
        found = [_in_file(number, rule, local) for number, rule in enumerate(rules)]
    patterns = [rule["pattern"] for rule in found]
    if twice := next((name for number, name in enumerate(patterns) if name in patterns[:number]), None):
        raise WrongInput(f"rules has two for the pattern {twice}", "rules")
    return found


def changes_to(wanted: list[dict[str, Any]]) -> list[Change]:
    """What replacing all rules by these changes, in the order of the patterns."""
    before = {rule.pattern: rule for rule in current().rules}
    after = {rule["pattern"]: CollectionRule.of(rule) for rule in wanted}
    return [Change(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]


def import_rules(given: object, user: Actor = None) -> list[Change]:
    """Replace all rules by those of an exported file: all of them, or none. Raises WrongInput, NotAllowed or
    Unreachable."""
    wanted = read_file(given)
    with transaction.atomic():
        list(Row.objects.select_for_update())
        _refuse(refusal(current(), CollectionRules.of(wanted), user))
        found = changes_to(wanted)
        for change in found:
            if change.what != "unchanged":
                _write(change, user)
    return found


def _in_file(number: int, rule: object, local: Database[Any] | None) -> dict[str, Any]:
    try:
        return _checked(rule, local)
    except WrongInput as error:
        raise WrongInput(f"Rule {number + 1}: {error.detail}", f"rules.{number}.{error.field}") from None


def _checked(given: object, local: Database[Any] | None) -> dict[str, Any]:
    for field, line in _faults(given, local).items():
        raise WrongInput(line, field)
    return complete(cast(Mapping[str, Any], given))


def _faults(given: object, local: Database[Any] | None) -> dict[str, str]:
    found = faults(given)
    if not found and local is not None and (wanted := _filter_of(given)) and (why := _refusal(local, wanted)):
        found["filter"] = f"filter cannot be used: MongoDB says: {why}"
    if not found and isinstance(given, Mapping) and (path := given.get("resolver")):
        found |= _no_function(path)
    return found


def _no_function(path: str) -> dict[str, str]:
    try:
        find(path, get_settings().sync_resolver_modules)
    except ImportError as error:
        return {"resolver": str(error)}
    except Exception as error:  # any: of the operator's own module, as it is imported
        return {
            "resolver": f"resolver cannot be imported: {type(error).__name__}: {one_line(str(error))[:200]}"
        }
    return {}


def _server_for(rules: Sequence[object]) -> AbstractContextManager[Database[Any] | None]:
    """The local server if there is a filter about which to ask it."""
    return local_database(PROCESS) if any(map(_filter_of, rules)) else nullcontext()


def _filter_of(rule: object) -> Any:
    return rule.get("filter") if isinstance(rule, Mapping) else None


def _refusal(local: Database[Any], wanted: Mapping[str, Any]) -> str:
    """Why the server does not take the filter; empty: it does. It is not evaluated: there is no such document."""
    query = {"$and": [{"_id": "no document"}, read_filter(wanted)]}
    try:
        local[METADATA].find_one(query, {"_id": 1}, max_time_ms=TRY_MS)
    except OperationFailure as error:
        return str((error.details or {}).get("errmsg") or error)[:300]
    except (BSONError, TypeError, ValueError, OverflowError) as error:  # what BSON cannot hold
        return str(error)[:300]
    return ""


def _refuse(why: str) -> None:
    """Raises NotAllowed if there is a reason."""
    if why:
        raise NotAllowed(why, "maskedFields")


def _with(pattern: str, instead: Sequence[Mapping[str, Any]]) -> tuple[CollectionRules, CollectionRules]:
    """The rules, and what they are with others instead of the one of this pattern."""
    before = current()
    kept = [rule.as_document() for rule in before.rules if rule.pattern != pattern]
    return before, CollectionRules.of([*kept, *instead])


def _change(row: Row | None, document: Mapping[str, Any] | None) -> Change:
    before = None if row is None else CollectionRule.of(row.document)
    after = None if document is None else CollectionRule.of(document)
    return Change(str((document or {}).get("pattern") or (row and row.pattern)), before, after)


def _write(change: Change, user: Actor) -> Row:
    """In a transaction. Returns the row as it is, or was."""
    row = Row.objects.filter(pattern=change.pattern).first() or Row(pattern=change.pattern)
    if change.after is None:
        row.delete()
    else:
        row.priority, row.document = change.after.priority, change.after.as_stored()
        row.save()
    before, after = (rule and rule.as_document() for rule in (change.before, change.after))
    action = "remove collection rule" if after is None else "set collection rule"
    audit(user, action, str(change), before, after)
    raise_version()
    return row
