"""Two versions of a document field by field, nested ones too, and a third one by whose value each field gets. Raw BSON, so that
types and bytes stay as they were."""

from __future__ import annotations

from collections.abc import Mapping

from syncapp.core.content import repeats_a_name
from syncapp.core.fields import DOCUMENT, Element, Fields, document_of, element_at, fields_of
from syncapp.core.values import Side

Path = tuple[bytes, ...]


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


def value_at(document: bytes | None, path: Path) -> Element | None:
    return None if document is None else element_at((DOCUMENT, document), path)


def text_of(path: Path) -> str:
    """As a dotted path."""
    return ".".join(name.decode(errors="replace") for name in path)


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


def _inside(path: Path, local: Element | None, atlas: Element | None) -> list[Path]:
    """Empty: they are compared as a whole."""
    if local is None or atlas is None or (local[0], atlas[0]) != (DOCUMENT, DOCUMENT):
        return []
    if repeats_a_name(local[1]) or repeats_a_name(atlas[1]):
        return []
    return _differing(path, fields_of(local[1]), fields_of(atlas[1]))


def _merged(
    path: Path, local: bytes, atlas: bytes, choices: Mapping[Path, Side], leaves: frozenset[Path]
) -> bytes:
    fields = {Side.LOCAL: fields_of(local), Side.ATLAS: fields_of(atlas)}
    here, there = fields.values()
    kept = []
    for name in dict.fromkeys((*here, *there)):
        one, other, inner = here.get(name), there.get(name), (*path, name)
        taken: Element | None
        if one == other:
            taken = one
        elif inner in leaves or one is None or other is None:
            side = choice_at(inner, choices)
            if side is None:
                raise KeyError(text_of(inner))
            taken = fields[side].get(name)
        else:
            taken = DOCUMENT, _merged(inner, one[1], other[1], choices, leaves)
        if taken is not None:
            kept.append((name, taken))
    return document_of(kept)
