"""Checks a collection rule completely, as it is given as JSON: whatever was stored can be relied on (`CollectionRule.of`).

Only what a server has to say about the filter is asked elsewhere (services/rules/collection_rules.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from syncapp.core import strategies
from syncapp.core.rule import field_paths, patterns
from syncapp.core.rule.collection_rule import DELETES, CollectionRule, Direction, OnLeave, Urgency
from syncapp.core.rule.match_expressions import WrongFilter, asked, check_filter
from syncapp.core.strategies.callable import NAME as CALLABLE
from syncapp.core.values import Word
from syncapp.rules.schema_check import WrongSchema, new_rule

HIGHEST_PRIORITY = 10_000
MOST_PATHS = 100
PARTS = tuple(CollectionRule().as_document())
NUMBERS = ("last", "min", "max", "sum")
ARRAYS = ("replace", "union")
LONGEST_RESOLVER = 300
RESOLVER_FORM = r"\A[^\W\d]\w*(\.[^\W\d]\w*)+\Z"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_SHOWN = 100

Faults = Iterator[tuple[str, str]]
Check = Callable[[Any], Faults]


def faults(given: object) -> dict[str, str]:
    """What is wrong with the parts of a rule: by field, one line that says what is allowed. Empty: nothing is."""
    if not isinstance(given, Mapping):
        return {"rule": f'rule is {_shown(given)}; allowed: an object such as {{"pattern": "orders"}}'}
    found = {
        str(name): f"{_shown(name)[1:-1]} is unknown; allowed: {', '.join(PARTS)}"
        for name in given
        if name not in PARTS
    }
    if "pattern" not in given:
        found["pattern"] = f"pattern is missing; allowed: {patterns.ALLOWED}"
    for name in PARTS:
        if name in given:
            found |= dict(_faults_of(name, given[name]))
    if not found:
        found |= dict(_together(given))
    return found


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule without faults in its stored form, with the defaults of what was not given."""
    rule = CollectionRule.of(given).as_document()
    return rule | {"validation": new_rule(rule["validation"]) if rule["validation"] else {}}


def _faults_of(name: str, value: Any) -> Faults:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        yield name, f"{name} is not a JSON value, or nested too deeply"
        return
    if _UNSTORABLE.search(text) or "\\u0000" in text.replace(r"\\", ""):
        yield name, f"{name} holds a text with \\u0000 or half a character, which cannot be kept"
        return
    for field, line in CHECKS[name](value):
        yield f"{name}{field}", f"{name}{field} {line}"


def _is(value: Any, allowed: str) -> str:
    return f"is {_shown(value)}; allowed: {allowed}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _pattern(value: Any) -> Faults:
    try:
        if not isinstance(value, str):
            raise patterns.WrongPattern("it is no text")
        patterns.check_pattern(value)
    except patterns.WrongPattern as why:
        yield "", _is(value, str(why))


def _priority(value: Any) -> Faults:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole and 0 <= value <= HIGHEST_PRIORITY):
        yield "", _is(value, f"a whole number from 0 to {HIGHEST_PRIORITY:,}; the lowest is asked first")


def _word_of(kind: type[Word]) -> Check:
    def check(value: Any) -> Faults:
        if not isinstance(value, str) or value not in list(kind):
            yield "", _is(value, ", ".join(kind))

    return check


def _strategy(value: Any) -> Faults:
    names = [one.name for one in strategies.offered()]
    if not isinstance(value, str) or value not in ("", *names):
        yield "", _is(value, f"{', '.join(names)}, or an empty text for the general strategy")


def _resolver(value: Any) -> Faults:
    fits = isinstance(value, str) and len(value) <= LONGEST_RESOLVER
    if not fits or (value and not re.match(RESOLVER_FORM, value)):
        yield "", _is(value, "the dotted path of a Python callable such as shop.conflicts.resolve")


def _path(value: Any) -> Faults:
    if value != "" and not field_paths.is_path(value):
        yield "", _is(value, field_paths.ALLOWED)


def _paths(value: Any) -> Faults:
    if not isinstance(value, list) or len(value) > MOST_PATHS:
        yield "", _is(value, f"a list of at most {MOST_PATHS} fields, each {field_paths.ALLOWED}")
        return
    for one in value:
        if not field_paths.is_path(one):
            yield "", f"has {_shown(one)} in it; allowed: {field_paths.ALLOWED}"
            return
    yield from _not_nested(value)


def _not_nested(paths: Iterable[str]) -> Faults:
    if found := field_paths.nested(paths):
        outer, inner = found
        said = f"names {outer} twice" if outer == inner else f"names {inner}, which is inside {outer}"
        yield "", f"{said}; allowed: each field once"


def _by_field(fits: Callable[[Any], bool], allowed: str, example: str) -> Check:
    def check(value: Any) -> Faults:
        if not isinstance(value, dict) or len(value) > MOST_PATHS:
            yield "", _is(value, f"an object of at most {MOST_PATHS} fields, such as {example}")
            return
        for path, how in value.items():
            if not field_paths.is_path(path):
                yield "", f"has {_shown(path)} in it; allowed: {field_paths.ALLOWED}"
            elif not fits(how):
                yield f".{path}", _is(how, allowed)
        yield from _not_nested(value)

    return check


def _merges_arrays(how: Any) -> bool:
    if isinstance(how, dict):
        return list(how) == ["key"] and (how["key"] == "_id" or field_paths.is_path(how["key"]))
    return isinstance(how, str) and how in ARRAYS


def _filter(value: Any) -> Faults:
    if not isinstance(value, dict):
        yield "", _is(value, 'a match expression such as {"shop": "a"}; {} for all documents')
        return
    try:
        check_filter(value)
    except WrongFilter as why:
        yield "", f"cannot be used: {why}"


def _deletes(value: Any) -> Faults:
    if not isinstance(value, dict):
        yield "", _is(value, f"an object with {' and '.join(DELETES)}")
        return
    for name, travel in value.items():
        if name not in DELETES:
            yield "", f"has {_shown(name)} in it; allowed: {', '.join(DELETES)}"
        elif not isinstance(travel, bool):
            yield f".{name}", _is(travel, "true or false")


def _validation(value: Any) -> Faults:
    if value == {}:
        return
    try:
        new_rule(value)
    except WrongSchema as why:
        yield "", f"cannot be used: {why}"


def _together(given: Mapping[str, Any]) -> Faults:
    strategy, resolver = given.get("strategy", ""), given.get("resolver", "")
    if strategy == CALLABLE and not resolver:
        yield "resolver", f"resolver is missing: the strategy {CALLABLE} asks it"
    if resolver and strategy != CALLABLE:
        yield "resolver", f"resolver is only asked by the strategy {CALLABLE}; allowed here: an empty text"
    own = [str(one) for one in given.get("ownFields", ())]
    for path in asked(given.get("filter", {})):
        if any(field_paths.is_inside(path, one) for one in own):
            yield (
                "filter",
                f"filter asks about {_shown(path)}, which is in ownFields and never goes to Atlas; allowed: other fields",
            )
            return


CHECKS: Mapping[str, Check] = {
    "pattern": _pattern,
    "priority": _priority,
    "direction": _word_of(Direction),
    "strategy": _strategy,
    "numbers": _by_field(
        lambda how: isinstance(how, str) and how in NUMBERS, ", ".join(NUMBERS), '{"stock": "sum"}'
    ),
    "arrays": _by_field(
        _merges_arrays,
        f'{", ".join(ARRAYS)}, or {{"key": "sku"}} for the field that tells elements apart',
        '{"tags": "union"}',
    ),
    "resolver": _resolver,
    "timestampField": _path,
    "filter": _filter,
    "onLeave": _word_of(OnLeave),
    "deletes": _deletes,
    "ownFields": _paths,
    "maskedFields": _paths,
    "urgency": _word_of(Urgency),
    "validation": _validation,
}
