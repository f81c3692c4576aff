"""A document's index keys, computed like the server: dotted paths, expanded arrays, null for missing values.
Pure, and on raw BSON, since a value may be one that Python cannot decode.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-multikey/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from syncapp.core.content import elements, wrap

Path = tuple[bytes, ...]  # the names of a dotted path
NULL = b"\x0a"
UNDEFINED = b"\x06"  # the key of an empty array
_DOCUMENT, _ARRAY = 0x03, 0x04


class Unsure(Exception):
    """The server indexes such a document by rules that are not implemented here, or refuses it."""


class _Place(NamedTuple):
    """The position on one path. `value`: type and bytes; None: missing."""

    walked: Path
    left: Path
    value: bytes | None
    ends: bool = False  # do not descend further

    @property
    def is_array(self) -> bool:
        return not self.ends and self.value is not None and self.value[0] == _ARRAY


def index_keys(document: bytes, paths: Sequence[Path], sparse: bool = False) -> set[bytes]:
    """Each key is the BSON of a document with the values by number: {0: …, 1: …}. Raises Unsure."""
    start = bytes([_DOCUMENT]) + document
    found = set()
    for values in _spread([_Place((), path, start) for path in paths]):
        if not sparse or any(value is not None for value in values):
            found.add(_key([NULL if value is None else value for value in values]))
    return found


def _key(values: Sequence[bytes]) -> bytes:
    return wrap(b"".join(value[:1] + b"%d\0" % place + value[1:] for place, value in enumerate(values)))


def values_of(key: bytes) -> list[bytes]:
    """The values of a key, each as type and bytes."""
    return [bytes([kind]) + value for kind, _, value in elements(key)]


def _spread(places: list[_Place]) -> Iterator[tuple[bytes | None, ...]]:
    places = [_walk(place) for place in places]
    arrays = {place.walked: place.value or b"" for place in places if place.is_array}
    if not arrays:
        yield tuple(place.value for place in places)
        return
    if len(arrays) > 1:
        raise Unsure  # two parallel arrays: the server refuses that
    ((walked, array),) = arrays.items()
    found: list[bytes | None] = [*_elements_of(array)]
    for element in found or [None]:
        yield from _spread(
            [
                _inside(place, element) if place.is_array and place.walked == walked else place
                for place in places
            ]
        )


def _elements_of(array: bytes) -> list[bytes]:
    return [bytes([kind]) + value for kind, _, value in elements(array[1:])]


def _inside(place: _Place, element: bytes | None) -> _Place:
    """One element of the array at which a path has stopped; None: the array is empty."""
    if not place.left:
        return place._replace(value=UNDEFINED if element is None else element, ends=True)
    if element is None or element[0] != _DOCUMENT:
        return place._replace(value=None, ends=True)  # nested arrays are not expanded
    return place._replace(value=element)


def _walk(place: _Place) -> _Place:
    """Follow a path to its end, or to an array that has to be expanded."""
    walked, left, value = place.walked, place.left, place.value
    while left and not place.ends and value is not None:
        if value[0] == _ARRAY:
            if not left[0].isdigit():
                break
            value = _at(value, left[0])
            if value is not None and value[0] == _ARRAY:
                raise Unsure
        else:
            value = _field(value, left[0]) if value[0] == _DOCUMENT else None
        walked, left = (*walked, left[0]), left[1:]
    if value == UNDEFINED and not place.ends:
        raise Unsure  # an old type, which sometimes counts as null
    return place._replace(walked=walked, left=left, value=value)


def _at(array: bytes, position: bytes) -> bytes | None:
    """A number in a path: an array index, or a field name of its documents."""
    found = _elements_of(array)
    if any(one[0] == _DOCUMENT and _field(one, position) is not None for one in found):
        raise Unsure
    place = int(position)
    return found[place] if place < len(found) else None


def _field(value: bytes, name: bytes) -> bytes | None:
    for kind, found, inside in elements(value[1:]):
        if found == name:
            return bytes([kind]) + inside
    return None
