"""Collection rules: checked, set, removed and listed. API, admin and command call it; each change is in the audit log with what
was before and after, and the workers read the rules again.

Exclusions and validation rules always apply beside them: the first match of a collection rule counts, alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from bson.errors import BSONError
from django.db import transaction
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncapp.conf.settings import get_settings
from syncapp.core.resolver import find
from syncapp.core.rule.collection_rule import CollectionRule, CollectionRules
from syncapp.core.rule.match_expressions import read_filter
from syncapp.core.text.one_line import one_line
from syncapp.models import CollectionRule as Row
from syncapp.models.choices import RuleKind
from syncapp.rules.rule_check import complete, faults
from syncapp.rules.switches import Actor
from syncapp.services.databases import local_database
from syncapp.services.errors import NotAllowed, NotFound, WrongInput, shown
from syncapp.services.rules.rule_changes import Change, write
from syncapp.services.rules.unmasking import refusal
from syncapp.store.names import METADATA

PROCESS = "collection rules"
TRY_MS = 5_000


def faults_of(given: object) -> dict[str, str]:
    """What is wrong with a rule: by field, one line. The local server is asked about its filter. Raises Unreachable."""
    with server_for([given]) as local:
        return _faults(given, local)


def checked(given: object) -> dict[str, Any]:
    """The rule in its stored form. Raises WrongInput, whose field is the part concerned, or Unreachable."""
    with server_for([given]) as local:
        return checked_by(local, given)


def checked_by(local: Database[Any] | None, given: object) -> dict[str, Any]:
    """The same, with a server from `server_for`."""
    for field, line in _faults(given, local).items():
        raise WrongInput(line, field)
    return complete(cast(Mapping[str, Any], given))


def current() -> CollectionRules:
    """In the order in which they are asked."""
    return CollectionRules.of(Row.objects.values_list("document", flat=True))


def rows() -> list[Row]:
    """The same, with the times of their changes."""
    return sorted(Row.objects.all(), key=_place)


def rows_of_all_kinds() -> list[Row]:
    """In the order in which they apply."""
    return sorted(Row.of_all_kinds.all(), key=_place)


def _place(row: Row) -> tuple[Any, ...]:
    rule = row.kind == RuleKind.RULE
    return row.kind, CollectionRule.of(row.document).rank if rule else (0, False, 0, row.pattern)


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
        change = Change.of(RuleKind.RULE, document["pattern"], row, document)
        if row is not None and change.what == "unchanged":
            return row
        refuse(refused_rule(document, user))
        return write(change, user)


def delete_rule(pattern: str, user: Actor = None) -> None:
    """Raises NotFound or NotAllowed."""
    with transaction.atomic():
        row = one(pattern)
        refuse(refused_removal(pattern, user))
        write(Change.of(RuleKind.RULE, pattern, row, None), user)


def refused_rule(document: Mapping[str, Any], user: Actor) -> str:
    """Why this person may not set this rule, which has no faults; empty: he may."""
    return refusal(*_with(CollectionRule.of(document).pattern, [document]), user)


def refused_removal(pattern: str, user: Actor) -> str:
    """The same of removing one."""
    return refusal(*_with(pattern, []), user)


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


def server_for(rules: Sequence[object]) -> AbstractContextManager[Database[Any] | None]:
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


def refuse(why: str) -> None:
    """Raises NotAllowed if there is a reason."""
    if why:
        raise NotAllowed(why, "maskedFields")


def _with(pattern: str, instead: Sequence[Mapping[str, Any]]) -> tuple[CollectionRules, CollectionRules]:
    """The rules, and what they are with others instead of the one of this pattern."""
    before = current()
    kept = [rule.as_document() for rule in before.rules if rule.pattern != pattern]
    return before, CollectionRules.of([*kept, *instead])
