"""Do both sides define their collections alike: indexes, validators, and options of collections? Sync carries documents;
none of these. Nothing is written here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bson import json_util
from pymongo.database import Database

from syncapp.core.rule.exclusions import TEMPORARY, is_reserved
from syncapp.core.text.one_line import one_line
from syncapp.core.values import BOTH, Side
from syncapp.mongo.definitions import Definition, Specification, read_definition
from syncapp.mongo.listing import list_options
from syncapp.mongo.sides import of_side
from syncapp.rules.refusals import is_usable

AT_ONCE = 8  # requests: one round trip to Atlas for each collection
LONGEST = 200  # characters of a value
ON = {Side.LOCAL: "the local side", Side.ATLAS: "Atlas"}
VALIDATION = ("validator", "validationLevel", "validationAction")
_NOTHING = Specification({}, b"\x05\0\0\0\0")


class What(StrEnum):
    INDEX = "index"
    VALIDATOR = "validator"
    OPTION = "option"


@dataclass(frozen=True, slots=True)
class DefinitionDifference:
    """`name`: of the index or option; empty for a validator. `missing`: the side that lacks it; None: both have it, and
    it differs. `specs`: of the sides that have it; for validators and options those of all the collection's options.
    `absent`: the missing side lacks the whole collection."""

    collection: str
    what: What
    name: str
    missing: Side | None
    specs: Mapping[Side, Specification]
    text: str  # one line
    absent: bool = False

    @property
    def expires(self) -> bool:
        """Is it a TTL index?"""
        return (
            any("expireAfterSeconds" in one.values for one in self.specs.values()) and self.what is What.INDEX
        )

    def as_document(self) -> dict[str, Any]:
        """As API and `--json` show it."""
        return {
            "collection": self.collection,
            "what": self.what.value,
            "name": self.name,
            "missingOn": self.missing.value if self.missing else None,
            "expires": self.expires,
            "text": self.text,
        }


def definitions_of(database: Database[Any], wanted: Collection[str] = ()) -> dict[str, Definition]:
    """By collection; `wanted`: only of these. Raises PyMongoError."""
    with of_side(database), ThreadPoolExecutor(AT_ONCE) as threads:
        listed = [
            (name, kind, options)
            for name, kind, options in list_options(database)
            if (not wanted or name in wanted) and not _is_left_alone(name)
        ]
        found = threads.map(lambda one: read_definition(database, *one), listed)
        return {name: definition for (name, _, _), definition in zip(listed, found, strict=True)}


def _is_left_alone(name: str) -> bool:
    return is_reserved(name) or bool(TEMPORARY.match(name)) or not is_usable(name)


def compare_definitions(
    local: Mapping[str, Definition], atlas: Mapping[str, Definition]
) -> list[DefinitionDifference]:
    """By collection, in the order of names."""
    found: list[DefinitionDifference] = []
    for name in sorted({*local, *atlas}):
        sides = {Side.LOCAL: local.get(name), Side.ATLAS: atlas.get(name)}
        there = {side: one for side, one in sides.items() if one is not None}
        if len(there) == 1 and next(iter(there.values())).is_plain:
            continue  # the first document that arrives creates it alike
        found += _of_collection(name, sides)
    return found


def _of_collection(name: str, sides: Mapping[Side, Definition | None]) -> Iterator[DefinitionDifference]:
    kinds = {side: one.kind for side, one in sides.items() if one is not None}
    if len(set(kinds.values())) > 1:
        text = f"{name}: {kinds[Side.LOCAL]} here, {kinds[Side.ATLAS]} on Atlas"
        yield DefinitionDifference(name, What.OPTION, "type", None, {}, one_line(text))
        return
    yield from _options(name, sides)
    yield from _indexes(name, sides)


def _options(name: str, sides: Mapping[Side, Definition | None]) -> Iterator[DefinitionDifference]:
    options = {side: one.options if one else _NOTHING for side, one in sides.items()}
    absent = next((side for side, one in sides.items() if one is None), None)
    rules = {side: _rules(one) for side, one in options.items()}
    if rules[Side.LOCAL] != rules[Side.ATLAS]:
        lacking = [side for side in BOTH if "validator" not in rules[side]]
        missing = lacking[0] if len(lacking) == 1 else None
        text = one_line(f"{name}: validator {_text(rules, missing)}")
        yield DefinitionDifference(name, What.VALIDATOR, "", missing, options, text, absent is not None)
    for option in sorted({*options[Side.LOCAL].values, *options[Side.ATLAS].values} - set(VALIDATION)):
        values = {side: one.values.get(option) for side, one in options.items()}
        if values[Side.LOCAL] != values[Side.ATLAS]:
            text = one_line(f"{name}: option {option} {_text(values, absent)}")
            yield DefinitionDifference(name, What.OPTION, option, absent, options, text, absent is not None)


def _rules(options: Specification) -> dict[str, Any]:
    return {name: options.values[name] for name in VALIDATION if name in options.values}


def _text(values: Mapping[Side, Any], missing: Side | None) -> str:
    if missing is None:
        return f"differs: here {shown(values[Side.LOCAL])}, on Atlas {shown(values[Side.ATLAS])}"
    return f"is missing on {ON[missing]}; {_at(missing.other)}: {shown(values[missing.other])}"


def _at(side: Side) -> str:
    return "here" if side is Side.LOCAL else "on Atlas"


def _indexes(name: str, sides: Mapping[Side, Definition | None]) -> Iterator[DefinitionDifference]:
    here, there = (dict(one.indexes) if one else {} for one in (sides[Side.LOCAL], sides[Side.ATLAS]))
    for index in sorted({*here} & {*there}):
        specs = {Side.LOCAL: here.pop(index), Side.ATLAS: there.pop(index)}
        if _as_defined(specs[Side.LOCAL]) != _as_defined(specs[Side.ATLAS]):
            yield _index(name, index, None, specs, f"differs: {_details(specs)}")
    known = [_as_defined(one) for one in here.values()], [_as_defined(one) for one in there.values()]
    for side, found, others in ((Side.LOCAL, here, known[1]), (Side.ATLAS, there, known[0])):
        for index, spec in sorted(found.items()):
            if _as_defined(spec) not in others:  # the same one under another name is none
                text = f"is missing on {ON[side.other]}: {_described(spec)}"
                yield _index(name, index, side.other, {side: spec}, text)


def _index(
    collection: str, name: str, missing: Side | None, specs: Mapping[Side, Specification], text: str
) -> DefinitionDifference:
    line = one_line(f'{collection}: index "{name}" {text}')
    return DefinitionDifference(collection, What.INDEX, name, missing, specs, line)


def _as_defined(spec: Specification) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """The order of the fields of the key counts, that of other options does not."""
    options = {name: value for name, value in spec.values.items() if name not in ("key", "name")}
    return list(spec.values["key"].items()), options


def _described(spec: Specification) -> str:
    keys, options = _as_defined(spec)
    more = [name if options[name] is True else f"{name} {shown(options[name])}" for name in options]
    return ", ".join([_keys(keys), *more])


def _details(specs: Mapping[Side, Specification]) -> str:
    (keys, here), (other_keys, there) = (_as_defined(specs[side]) for side in BOTH)
    found = [] if keys == other_keys else [f"{_keys(keys)} here, {_keys(other_keys)} on Atlas"]
    for name in {**here, **there}:
        if here.get(name) != there.get(name):
            values = [shown(one[name]) if name in one else "not set" for one in (here, there)]
            found.append(f"{name} {values[0]} here, {values[1]} on Atlas")
    return "; ".join(found)


def _keys(keys: list[tuple[str, Any]]) -> str:
    ways = {1: "ascending", -1: "descending"}
    return "(" + ", ".join(f"{name} {ways.get(way, way)}" for name, way in keys) + ")"


def shown(value: Any) -> str:
    """A value in JSON, cut to a readable length."""
    if value is None or value == {}:
        return "none"
    return in_json(value)


def in_json(value: Any) -> str:
    """The same, where null is a value, too."""
    text = json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
