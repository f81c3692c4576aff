"""Both versions of a document side by side, field by field, as readable text."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from syncapp.core.rule.field_paths import MASK
from syncapp.core.text.shown_values import is_document, shown, typed

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 2_000  # longer texts are only compared from both ends: the time is quadratic


class _Missing(Enum):
    """Instead of a value."""

    ABSENT = "absent"  # the document has no such field
    GONE = "gone"  # the document is absent on that side
    UNKNOWN = "unknown"  # what both versions were made from is not kept


class By(StrEnum):
    """Which side has changed a field since both were last equal."""

    NEITHER = ""
    LOCAL = "local"
    ATLAS = "atlas"
    BOTH = "both"


ABSENT, GONE, UNKNOWN = _Missing
Three = tuple[Any, Any, Any]  # base, local, Atlas's: JSON values, or what is missing


class Part(NamedTuple):
    """A piece of a text; does it differ from the other side's, or from the base?"""

    text: str
    differs: bool


@dataclass(frozen=True)
class FieldPair:
    """A field on both sides; `name`: a dotted path. None: the field (or the document) is absent there.

    `based`: what both versions were made from is known, `base` is the field in it, and `by` says who has changed it.
    """

    name: str
    local: str | None
    atlas: str | None
    local_parts: Sequence[Part] = field(default=(), compare=False)
    atlas_parts: Sequence[Part] = field(default=(), compare=False)
    based: bool = False
    base: str | None = None
    by: By = By.NEITHER

    @property
    def differs(self) -> bool:
        """Has a side changed it? Without a base: do the sides differ in it?"""
        return bool(self.by) if self.based else self.local != self.atlas

    @property
    def alike(self) -> bool:
        """Have both sides made the same change?"""
        return self.by is By.BOTH and self.local == self.atlas

    @property
    def base_parts(self) -> Sequence[Part]:
        return _whole(self.base, False)


def compare(local: str, atlas: str, base: str = "") -> list[FieldPair]:
    """Fields of documents in canonical extended JSON, in the order of the local one, then the others. Documents within all of
    them are compared field by field, if they differ.

    Where only the types differ (1 and 1.0) the texts contain them, to show the difference. Empty text
    means: the document was absent; of `base`, what both versions were made from: it is not kept.
    """
    return [_pair(path, inner) for path, inner in _inside((), _parsed(local, atlas, base))]


def changed(local: str, atlas: str, base: str) -> dict[str, str]:
    """Dotted paths of the fields that are another than in `base`, and which side has changed them: local, atlas or both."""
    return {pair.name: pair.by.value for pair in compare(local, atlas, base) if pair.by}


def pairs_at(paths: Iterable[Sequence[str]], local: str, atlas: str, base: str = "") -> list[FieldPair]:
    """The same of these fields."""
    three = _parsed(local, atlas, base)
    return [_pair(path, _three_at(path, three)) for path in paths]


def _parsed(local: str, atlas: str, base: str) -> Three:
    here, there = (json.loads(one) if one else GONE for one in (local, atlas))
    return (json.loads(base) if base else UNKNOWN, here, there)


def _three_at(path: Sequence[str], three: Three) -> Three:
    for name in path:
        three = (_at(three[0], name), _at(three[1], name), _at(three[2], name))
    return three


def _inside(path: tuple[str, ...], three: Three) -> Iterator[tuple[tuple[str, ...], Three]]:
    """The fields of these documents."""
    base, local, atlas = three
    names = _names((local, atlas, base))
    is_clear = all(name and "." not in name for name in names)  # else a dotted path could mean another field
    for name in names:
        inner = (_at(base, name), _at(local, name), _at(atlas, name))
        if is_clear and _is_split(inner):
            yield from _inside((*path, name), inner)
        else:
            yield (*path, name), inner


def _names(documents: Sequence[Any]) -> dict[str, None]:
    return dict.fromkeys(name for one in documents if isinstance(one, dict) for name in one)


def _at(value: Any, name: str) -> Any:
    if value in (GONE, UNKNOWN, MASK):
        return value
    return value.get(name, ABSENT) if is_document(value) else ABSENT


def _is_split(three: Three) -> bool:
    """Are these documents that differ in some of their fields?"""
    base, *sides = three
    there = [one for one in sides if one is not GONE]
    if base not in (UNKNOWN, ABSENT) or len(there) == 1:
        there.append(base)
    if not all(map(is_document, there)) or len(there) == 1:
        return False
    names = _names(there)
    if any(not name or "." in name for name in names):
        return False
    return any(_differs((_at(base, name), *(_at(one, name) for one in sides))) for name in names)


def _differs(three: Three) -> bool:
    base, local, atlas = three
    return not _same(local, atlas) if base is UNKNOWN else bool(_changed_by(three))


def _changed_by(three: Three) -> By:
    """A side that has deleted the document has not changed each of its fields."""
    base, local, atlas = three
    if base is UNKNOWN:
        return By.NEITHER
    here, there = (one is not GONE and not _same(one, base) for one in (local, atlas))
    return {(True, True): By.BOTH, (True, False): By.LOCAL, (False, True): By.ATLAS}.get(
        (here, there), By.NEITHER
    )


def _same(one: Any, other: Any) -> bool:
    """In order and types too, which equality of Python's values does not tell."""
    return one is other or (one == other and json.dumps(one) == json.dumps(other))


def _pair(path: Sequence[str], three: Three) -> FieldPair:
    base, local, atlas = _texts(three)
    name, by = ".".join(path), _changed_by(three)
    if three[0] is UNKNOWN:
        return FieldPair(name, local, atlas, *_parts(local, atlas))
    (_, here), (_, there) = _parts(base, local), _parts(base, atlas)
    return FieldPair(name, local, atlas, here, there, based=True, base=base, by=by)


def _texts(three: Three) -> list[str | None]:
    texts = [None if isinstance(one, _Missing) else shown(one) for one in three]
    there = [place for place, text in enumerate(texts) if text is not None]
    pairs = [(one, other) for one in there for other in there if one < other]
    if any(texts[one] == texts[other] and not _same(three[one], three[other]) for one, other in pairs):
        return [None if text is None else typed(three[place]) for place, text in enumerate(texts)]
    return texts


def _parts(left: str | None, right: str | None) -> tuple[Sequence[Part], Sequence[Part]]:
    if left is None or right is None or left == right:
        whole = left != right
        return _whole(left, whole), _whole(right, whole)
    return marked(left, right)


def _whole(text: str | None, differs: bool) -> Sequence[Part]:
    return () if text is None else (Part(text, differs),)


def marked(left: str, right: str) -> tuple[list[Part], list[Part]]:
    """Two texts in parts, word by word, with the differing ones marked."""
    ours, theirs = _WORDS.findall(left), _WORDS.findall(right)
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        return _from_both_ends(ours, theirs)
    found: tuple[list[Part], list[Part]] = ([], [])
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        for parts, words in ((found[0], ours[a:b]), (found[1], theirs[c:d])):
            if words:
                parts.append(Part("".join(words), tag != "equal"))
    return found


def _from_both_ends(ours: list[str], theirs: list[str]) -> tuple[list[Part], list[Part]]:
    shorter = min(len(ours), len(theirs))
    start = next((place for place in range(shorter) if ours[place] != theirs[place]), shorter)
    most = shorter - start
    end = next((place for place in range(most) if ours[-1 - place] != theirs[-1 - place]), most)

    def parts(words: list[str]) -> list[Part]:
        cut = len(words) - end
        pieces = (words[:start], False), (words[start:cut], True), (words[cut:], False)
        return [Part("".join(piece), differs) for piece, differs in pieces if piece]

    return parts(ours), parts(theirs)


def parsed(canonical: str) -> object | None:
    """A document as JSON values for the API, in canonical extended JSON. None: absent."""
    return json.loads(canonical) if canonical else None
