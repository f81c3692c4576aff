"""Two versions of a document field by field, nested ones too, and a third one by whose value each field gets. Raw BSON, so that
types and bytes stay as they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from syncapp.core.content import elements, repeats_a_name, wrap
from syncapp.core.values import Side

DOCUMENT = 0x03
Path = tuple[bytes, ...]


class Field(NamedTuple):
    """BSON type and value."""

    kind: int
    value: bytes


Fields = Mapping[bytes, Field]


def differing(local: bytes | None, atlas: bytes | None) -> list[Path]:
    """Paths of the fields that are not the same bytes in both, in their order. A document within both is looked into, unless
    its names do not tell its fields apart, or only their order differs. None: absent."""
    return _differing((), fields_of(local), fields_of(atlas))


def by_choice(local: bytes, atlas: bytes, choices: Mapping[Path, Side]) -> bytes:
    """Each differing field as its own choice, or the nearest one around it, says. In the order of `local`, with new fields at
    the end. Raises KeyError for a field without a choice."""
    return _merged((), local, atlas, choices, frozenset(differing(local, atlas)))


def choice_at(path: Path, choices: Mapping[Path, Side]) -> Side | None:
    return next((choices[path[:end]] for end in range(len(path), 0, -1) if path[:end] in choices), None)


def value_at(document: bytes | None, path: Path) -> Field | None:
    found: Field | None = None
    for name in path:
        found = fields_of(document).get(name)
        document = found.value if found is not None and found.kind == DOCUMENT else None
    return found


def text_of(path: Path) -> str:
    """As a dotted path."""
    return ".".join(name.decode(errors="replace") for name in path)


def fields_of(document: bytes | None) -> Fields:
    if document is None:
        return {}
    return {name: Field(kind, value) for kind, name, value in elements(document)}


def _differing(path: Path, local: Fields, atlas: Fields) -> list[Path]:
    names = dict.fromkeys((*local, *atlas))
    # Else a dotted path could mean another field
    is_clear = all(name and b"." not in name for name in names)
    if path and not is_clear:
        return []
    found = []
    for name in names:
        one, other = local.get(name), atlas.get(name)
        if one != other:
            inner = _inside((*path, name), one, other) if is_clear else []
            found += inner or [(*path, name)]
    return found


def _inside(path: Path, local: Field | None, atlas: Field | None) -> list[Path]:
    """Empty: they are compared as a whole."""
    if local is None or atlas is None or (local.kind, atlas.kind) != (DOCUMENT, DOCUMENT):
        return []
    if repeats_a_name(local.value) or repeats_a_name(atlas.value):
        return []
    return _differing(path, fields_of(local.value), fields_of(atlas.value))


def _merged(
    path: Path, local: bytes, atlas: bytes, choices: Mapping[Path, Side], leaves: frozenset[Path]
) -> bytes:
    fields = {Side.LOCAL: fields_of(local), Side.ATLAS: fields_of(atlas)}
    here, there = fields.values()
    kept = []
    for name in dict.fromkeys((*here, *there)):
        one, other, inner = here.get(name), there.get(name), (*path, name)
        taken: Field | None
        if one == other:
            taken = one
        elif inner in leaves or one is None or other is None:
            side = choice_at(inner, choices)
            if side is None:
                raise KeyError(text_of(inner))
            taken = fields[side].get(name)
        else:
            taken = Field(DOCUMENT, _merged(inner, one.value, other.value, choices, leaves))
        if taken is not None:
            kept.append(bytes([taken.kind]) + name + b"\0" + taken.value)
    return wrap(b"".join(kept))
