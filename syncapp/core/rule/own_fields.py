"""Fields that each side keeps for itself: taken out of what is compared, and written around.

A path is dotted and leads through embedded documents, not through arrays. What a path names belongs to its side as long as
the document around it is there: with that it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from syncapp.core.content import content_hash, elements, wrap
from syncapp.core.rule.projection import WHOLE, Projection

Tree = Mapping[bytes, Any]  # name → the tree within it; empty: the whole field
_DOCUMENT = 0x03
_SHARED: Tree = {b"": {}}  # of a name that no path leads through


@lru_cache
def projection_of(paths: tuple[str, ...]) -> Projection:
    return OwnFields(paths) if paths else WHOLE


class OwnFields(Projection):
    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = tuple(sorted(set(paths)))
        self.id = blake2b("\0".join(self.paths).encode(), digest_size=6).hexdigest()
        self._tree = _tree_of(self.paths)

    def content(self, document: bytes | None) -> bytes:
        return content_hash(self.bare(document))

    def bare(self, document: bytes | None) -> bytes | None:
        if document is None or not any(name + b"\0" in document for name in self._tree):
            return document
        return _without(document, self._tree)

    def same(self, one: bytes | None, other: bytes | None) -> bool:
        return one == other or self.bare(one) == self.bare(other)

    def carried(self, source: bytes | None, target: bytes | None) -> bytes | None:
        return self.bare(source) if source is None or target is None else _around(source, target, self._tree)


def _tree_of(paths: tuple[str, ...]) -> Tree:
    tree: dict[bytes, Any] = {}
    for path in sorted(
        paths, key=len, reverse=True
    ):  # what is around a field comes after it, and takes it in
        *around, last = path.encode().split(b".")
        inner = tree
        for name in around:
            inner = inner.setdefault(name, {})
        inner[last] = {}
    tree.pop(b"_id", None)
    return tree


def _parts(document: bytes, tree: Tree) -> Iterator[tuple[Tree, int, bytes, bytes]]:
    """Each element, with the tree within it: empty for an own field, _SHARED if nothing of it is own."""
    for kind, name, value in elements(document):
        within = tree.get(name, _SHARED)
        yield within if not within or kind == _DOCUMENT else _SHARED, kind, name, value


def _element(kind: int, name: bytes, value: bytes) -> bytes:
    return bytes([kind]) + name + b"\0" + value


def _without(document: bytes, tree: Tree) -> bytes:
    found = []
    for within, kind, name, value in _parts(document, tree):
        if within:
            found.append(_element(kind, name, value if within is _SHARED else _without(value, within)))
    return wrap(b"".join(found))


def _around(source: bytes, target: bytes, tree: Tree) -> bytes:
    """The source's fields in its order. An own field of the target follows the one that it followed there, or the nearest
    before that which the source has."""
    names = {name for within, _, name, _ in _parts(source, tree) if within}
    own: dict[bytes | None, list[bytes]] = {}
    inner: dict[bytes, bytes] = {}
    after: bytes | None = None
    for within, kind, name, value in _parts(target, tree):
        if not within:
            own.setdefault(after, []).append(_element(kind, name, value))
            continue
        if name in names:
            after = name
        if within is not _SHARED:
            inner.setdefault(name, value)
    found = own.pop(None, [])
    for within, kind, name, value in _parts(source, tree):
        if not within:
            continue
        if within is not _SHARED:
            beside = inner.pop(name, None)
            value = _without(value, within) if beside is None else _around(value, beside, within)
        found += [_element(kind, name, value), *own.pop(name, ())]
    return wrap(b"".join(found))
