"""Both versions of a document side by side, field by field, as readable text."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from monitoring.shown_values import shown, typed

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_WORDS = 2_000  # longer texts are only compared from both ends: the time is quadratic


class Part(NamedTuple):
    """A piece of a text; does it differ from the other side's?"""

    text: str
    differs: bool


@dataclass(frozen=True)
class FieldPair:
    """A top-level field on both sides. None: the field (or the document) is absent there."""

    name: str
    local: str | None
    atlas: str | None
    local_parts: Sequence[Part] = field(default=(), compare=False)
    atlas_parts: Sequence[Part] = field(default=(), compare=False)

    @property
    def differs(self) -> bool:
        return self.local != self.atlas


def compare(local: str, atlas: str) -> list[FieldPair]:
    """Fields of two documents in canonical extended JSON, in the order of the local one, then the others.

    Where only the types differ (1 and 1.0) the texts contain them, to show the difference. Empty text
    means: the document was absent.
    """
    sides = [json.loads(text) if text else {} for text in (local, atlas)]
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [_pair(name, *sides) for name in names]


def _pair(name: str, local: dict[str, Any], atlas: dict[str, Any]) -> FieldPair:
    values = [side.get(name) for side in (local, atlas)]
    present = [name in side for side in (local, atlas)]
    texts = [shown(value) if there else None for value, there in zip(values, present, strict=True)]
    if all(present) and texts[0] == texts[1] and json.dumps(values[0]) != json.dumps(values[1]):
        texts = [typed(value) for value in values]
    left, right = texts
    if left is None or right is None or left == right:
        whole = left != right
        return FieldPair(name, left, right, _whole(left, whole), _whole(right, whole))
    return FieldPair(name, left, right, *marked(left, right))


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
