"""Dotted paths of fields, such as `customer.phone`, as the rules of collections name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LONGEST = 300  # characters
DEEPEST = 20  # names
MASK = "•••"
ALLOWED = (
    "the dotted path of a field such as customer.phone, not in _id, without $, control characters and empty "
    f"parts, at most {LONGEST} characters and {DEEPEST} parts"
)


def is_path(given: object) -> bool:
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST:
        return False
    names = given.split(".")
    return names[0] != "_id" and len(names) <= DEEPEST and all(map(_is_name, names))


def nested(paths: Iterable[str]) -> tuple[str, str] | None:
    """The first two paths of which one is, or is inside, the other: the outer one first. None: there are none."""
    known: list[str] = []
    for path in paths:
        for other in known:
            if is_inside(path, other):
                return other, path
            if is_inside(other, path):
                return path, other
        known.append(path)
    return None


def is_inside(path: str, other: str) -> bool:
    """Is it the other one, or a part of it?"""
    return path == other or path.startswith(f"{other}.")


def masked(document: Any, paths: Iterable[str]) -> Any:
    """A document as JSON values with MASK for what is at these paths, also in the elements of arrays."""
    for path in paths:
        document = _masked(document, path.split("."))
    return document


def _masked(value: Any, names: list[str]) -> Any:
    if not names:
        return MASK
    if isinstance(value, list):
        return [_masked(one, names) if isinstance(one, dict | list) else one for one in value]
    if not isinstance(value, Mapping) or names[0] not in value:
        return value
    return {name: _masked(one, names[1:]) if name == names[0] else one for name, one in value.items()}


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith("$") and name.isprintable() and name.strip() == name
