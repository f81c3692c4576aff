"""Which collections are not pulled from Atlas: names and glob patterns (`*` and `?`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

# Never synced, in either direction: sync's own, the server's own, and the server's temporary collections, renamed to
# the result at the end ($out, mapReduce, convertToCapped, a rename from another database). The same in MongoDB 4.4 to 8
_TEMPORARY = r"tmp\.agg_out\.|tmp\.mr\.|tmp[0-9A-Za-z]{5}\.(create|rename|convertToCapped\.)"
RESERVED = re.compile(rf"^(_sync_|system\.|{_TEMPORARY})")
TEMPORARY = re.compile(rf"^({_TEMPORARY})")


@dataclass(frozen=True, slots=True)
class Exclusions:
    patterns: frozenset[str] = frozenset()
    _matcher: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matcher", re.compile(self.regex))

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Exclusions:
        return cls(frozenset(patterns))

    @property
    def regex(self) -> str:
        """One regular expression for all patterns, in what Python and PCRE have in common."""
        if not self.patterns:
            return r"^\b\B"  # matches nothing
        return "^(" + "|".join(_glob_to_regex(one) for one in sorted(self.patterns)) + ")$"

    def excludes(self, collection: str) -> bool:
        return bool(self._matcher.match(collection))


def is_reserved(collection: str) -> bool:
    """Is this a collection of sync itself or of the server?"""
    return bool(RESERVED.match(collection))


def _glob_to_regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
