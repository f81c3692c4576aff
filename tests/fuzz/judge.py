"""Is every difference between both sides named in the API? Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bson import json_util

from syncapp.core.content import decode_for_people, id_of
from syncapp.core.rule.exclusions import Exclusions
from tests.fuzz.api import Named
from tests.fuzz.world import Contents

SHOWN = 2  # documents of a collection
STALE = "named though equal"  # what is said of a document that does not differ
WHOLE_DEVICE = "halted with the whole device"


@dataclass(frozen=True)
class Verdict:
    problems: tuple[str, ...]  # a sentence each
    collections: frozenset[bytes]  # that they are about
    named: Counter[str]  # how the differences that are named are named


def judge(local: Contents, atlas: Contents, named: Named) -> Verdict:
    problems: list[str] = []
    about: set[bytes] = set()
    counts: Counter[str] = Counter()
    for name in sorted({*local, *atlas}):
        here, there = local.get(name, {}), atlas.get(name, {})
        differing = [key for key in here.keys() | there.keys() if here.get(key) != there.get(key)]
        if not differing:
            counts["equal"] += 1
        elif how := _collection_is_named(name, named):
            counts[how] += 1
        else:
            pairs = [(here.get(key), there.get(key)) for key in differing]
            found = [_describe(pair) for pair in pairs if not _is_named(name, pair, named)]
            counts["documents named"] += len(pairs) - len(found)
            if found:
                shown = "; ".join(found[:SHOWN])
                problems.append(
                    f"{name!r}: {len(found)} of {len(pairs)} differing documents are not named: {shown}"
                )
                about.add(name)
    counts[STALE] = _stale(local, atlas, named)
    return Verdict(tuple(problems), frozenset(about), +counts)


def spellings(name: bytes) -> set[str]:
    """How the API may write a name: one that is not UTF-8 in several ways."""
    return {name.decode(errors=how) for how in ("replace", "backslashreplace", "surrogateescape")}


def _collection_is_named(name: bytes, named: Named) -> str:
    texts = spellings(name)
    if any(not halt["side"] for halt in named.halts):
        return WHOLE_DEVICE
    if any(halt["collection"] in ("", *texts) for halt in named.halts):
        return "halted"
    if not texts.isdisjoint(named.refused):
        return "refused"
    return "excluded" if any(map(Exclusions.of(named.excluded).excludes, texts)) else ""


def _stale(local: Contents, atlas: Contents, named: Named) -> int:
    """Documents that are named though both sides agree on them, in collections of which nothing else is said."""
    differing = {
        (text, identity)
        for name in {*local, *atlas}
        for key in {*local.get(name, ()), *atlas.get(name, ())}
        if (pair := (local.get(name, {}).get(key), atlas.get(name, {}).get(key)))[0] != pair[1]
        for text in spellings(name)
        for identity in _identities(pair)
    }
    collections = {name.encode(errors="replace"): name for name, _ in named.documents}
    silent = {text for name, text in collections.items() if not _collection_is_named(name, named)}
    return sum(key[0] in silent and key not in differing for key in named.documents)


def _is_named(name: bytes, pair: tuple[bytes | None, bytes | None], named: Named) -> bool:
    return any(
        (text, identity) in named.documents for text in spellings(name) for identity in _identities(pair)
    )


def _identities(pair: tuple[bytes | None, bytes | None]) -> Iterator[str]:
    """Both sides can have the same `_id` in different types."""
    for document in pair:
        if document is not None:
            value = decode_for_people(id_of(document))["_id"]
            text = json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
            yield json.dumps(json.loads(text), sort_keys=True)


def _describe(pair: tuple[bytes | None, bytes | None]) -> str:
    identity = next(_identities(pair))[:80]
    sizes = [f"{len(one)} bytes" if one is not None else "absent" for one in pair]
    return f"_id {identity}: local {sizes[0]}, Atlas {sizes[1]}"
