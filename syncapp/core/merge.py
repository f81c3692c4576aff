"""A three-way merge of two versions of a document, field by field: raw BSON, so that types and bytes stay as they were.

A field that was changed on one side is taken from there. One that was changed on both is combined if the collection's
rule says how (numbers, arrays); documents are merged inside; anything else is *contested*, and the winner's value is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from syncapp.core.content import canonical, elements, repeats_a_name, wrap
from syncapp.core.fields import ARRAY, DOCUMENT, Element, document_of, element_at, fields_of
from syncapp.core.merge_numbers import combine, is_number
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.values import BOTH, Side

LARGEST = 16 * 1024 * 1024  # bytes of a document
One = TypeVar("One")
Three = tuple[Element | None, Element | None, Element | None]  # base, local, Atlas's; None: absent
Keyed = dict[bytes, Element] | None  # elements of an array by their keys; None: they cannot be told apart


class Merged(NamedTuple):
    document: bytes
    contested: tuple[str, ...]  # paths of the fields that go by who won


def merge(
    base: bytes | None, versions: Mapping[Side, bytes], winner: Side, rule: CollectionRule
) -> Merged | None:
    """`base`: what both versions were made from; None: it is unknown, and what differs is contested. None: the result would
    be too large for a document."""
    work = _Merge(winner, rule)
    document = work.documents("", base, *(versions[side] for side in BOTH))
    return Merged(document, tuple(dict.fromkeys(work.contested))) if len(document) <= LARGEST else None


@dataclass
class _Merge:
    winner: Side
    rule: CollectionRule
    contested: list[str] = field(default_factory=list)

    def documents(self, path: str, base: bytes | None, local: bytes, atlas: bytes) -> bytes:
        """The fields in the order of the winner's version, new ones of the other at the end."""
        if repeats_a_name(local) or repeats_a_name(atlas) or (base is not None and repeats_a_name(base)):
            # Nobody can tell which of them is which
            return self._contest(path or "the whole document", local, atlas)
        fields = [None if one is None else fields_of(one) for one in (base, local, atlas)]
        found, here, there = fields
        first, second = self._in_order(here or {}, there or {})
        merged = []
        for name in dict.fromkeys((*first, *second)):
            three = (found.get(name) if found else None, (here or {}).get(name), (there or {}).get(name))
            if name == b"_id" and not path:
                kept: Element | None = first.get(name) or second[name]
            else:
                text = name.decode(errors="replace")
                kept = self._field(f"{path}.{text}" if path else text, three, known=found is not None)
            if kept is not None:
                merged.append((name, kept))
        return document_of(merged)

    def _field(self, path: str, three: Three, *, known: bool) -> Element | None:
        base, local, atlas = three
        if known and local == base:
            return atlas
        if known and atlas == base:
            return local
        if local == atlas and not known:
            return local
        return self._changed_on_both(path, three, known=known)

    def _changed_on_both(self, path: str, three: Three, *, known: bool) -> Element | None:
        base, local, atlas = three
        kinds = {one[0] for one in (local, atlas) if one}
        combined = None
        if local is None or atlas is None:
            pass
        elif kinds == {DOCUMENT}:
            before = base[1] if base and base[0] == DOCUMENT else wrap(b"") if known else None
            return DOCUMENT, self.documents(path, before, local[1], atlas[1])
        elif kinds == {ARRAY}:
            combined = self._arrays(path, three, known=known)
        elif is_number(local) and is_number(atlas):
            combined = combine(
                self.rule.numbers.get(path, "last"), base, *self._in_order(local, atlas), known=known
            )
        if combined is not None or local == atlas:
            return combined or local
        return self._contest(path, local, atlas)

    def _arrays(self, path: str, three: Three, *, known: bool) -> Element | None:
        """Both sides have one. None: it is replaced as a whole."""
        rule = self.rule.arrays.get(path, "replace")
        before, local, atlas = (one if one and one[0] == ARRAY else None for one in three)
        if rule == "union" and local and atlas:
            return ARRAY, _array(self._union(before, local, atlas))
        if isinstance(rule, Mapping):
            elements = [_by_key(one, str(rule["key"])) for one in (before, local, atlas)]
            return self._by_key(path, *elements, known=known)
        return None

    def _union(self, base: Element | None, local: Element, atlas: Element) -> Iterable[Element]:
        """A set: what was added on either side is there, what was removed on either side is not."""
        before = set(_elements(base))
        first, second = (dict.fromkeys(_elements(one)) for one in self._in_order(local, atlas))
        kept = [one for one in first if one in second or one not in before]
        return [*kept, *(one for one in second if one not in first and one not in before)]

    def _by_key(self, path: str, base: Keyed, local: Keyed, atlas: Keyed, *, known: bool) -> Element | None:
        """Elements with the same key are merged as documents. None: one has no key, or two have the same.

        Where the base has no such elements to tell, those of both sides are merged without one.
        """
        if local is None or atlas is None:
            return None
        merged = []
        for name in dict.fromkeys(name for one in self._in_order(local, atlas) for name in one):
            three = ((base or {}).get(name), local.get(name), atlas.get(name))
            alone = None in three[1:]
            kept = self._field(path, three, known=alone or (known and base is not None))
            if kept is not None:
                merged.append(kept)
        return ARRAY, _array(merged)

    def _contest(self, path: str, local: One, atlas: One) -> One:
        self.contested.append(path)
        return self._in_order(local, atlas)[0]

    def _in_order(self, local: One, atlas: One) -> tuple[One, One]:
        """The winner's first."""
        return (local, atlas) if self.winner is Side.LOCAL else (atlas, local)


def _elements(array: Element | None) -> list[Element]:
    return [(kind, value) for kind, _, value in elements(array[1])] if array else []


def _by_key(array: Element | None, key: str) -> Keyed:
    """By what the server takes for the same value of the key, a dotted path."""
    found: dict[bytes, Element] = {}
    for one in _elements(array):
        named = element_at(one, key.encode().split(b"."))
        if named is None or found.setdefault(canonical(*named), one) is not one:
            return None
    return found


def _array(values: Iterable[Element]) -> bytes:
    return document_of((b"%d" % place, value) for place, value in enumerate(values))
