"""Property 7: excluded collections are bypassed: nothing of Atlas arrives, and local changes still go up."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.rules.rules import Rules
from tests.property import documents
from tests.property.applications import contents, write
from tests.property.documents import FIELDS
from tests.property.examples import share_of_examples
from tests.property.world import World

Databases = tuple[Database[Any], Database[Any]]
CHARACTERS = "ab.-_()[]+^|\\äK/"  # also what means something in a regular expression
NAMES = st.text(CHARACTERS, min_size=1, max_size=4).filter(lambda name: ".." not in name)
KEYS = [(0x10, number.to_bytes(4, "little")) for number in range(2)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Names of collections, and patterns that were made from some of them. All names end with the same text,
    so that no two examples share one."""
    end = uuid.uuid4().hex[:8]
    names = [f"c{name}{end}" for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))]
    patterns = draw(st.lists(st.sampled_from(names), max_size=2))
    for _ in range(draw(st.integers(0, 2))):
        for number, pattern in enumerate(patterns):
            start = draw(st.integers(0, len(pattern) - 9), label="replaced from")
            stop = start + draw(st.integers(0, 2), label="characters")
            replacement = draw(st.sampled_from(["*", "?", "**", "a"]))
            patterns[number] = pattern[:start] + replacement + pattern[stop:]
    return names, patterns


def matches(pattern: str, name: str) -> bool:
    """Globs, said another way than in the product."""
    if not pattern or not name:
        return not pattern.strip("*") and not name
    if pattern[0] == "*":
        return matches(pattern[1:], name) or matches(pattern, name[1:])
    return pattern[0] in ("?", name[0]) and matches(pattern[1:], name[1:])


@pytest.mark.timeout(3600)
@share_of_examples(0.5)
@given(data=st.data(), case=cases())
def test_nothing_of_an_excluded_collection_is_pulled_and_local_changes_still_go_up(
    databases: Databases, data: st.DataObject, case: tuple[list[str], list[str]]
) -> None:
    """Property 7: excluded collections are bypassed."""
    collections, globs = case
    excluded = {name for name in collections if any(matches(glob, name) for glob in globs)}
    rules = Rules(True, False, "last-write-wins", Exclusions.of(globs), 1)
    world = World.build(*databases, 1, rules)
    (device,) = world.devices
    sides = {Side.LOCAL: device.local, Side.ATLAS: world.atlas}
    local: dict[tuple[str, int], bytes | None] = {}  # what local applications wrote last in excluded ones
    written_last: dict[tuple[str, int], Side] = {}
    try:
        for _ in range(data.draw(st.integers(1, 6), label="writes")):
            side, name = data.draw(st.sampled_from(list(Side))), data.draw(st.sampled_from(collections))
            number = data.draw(st.integers(0, len(KEYS) - 1), label="key")
            fields = [("v", (0x07, uuid.uuid4().bytes[:12])), *data.draw(FIELDS)]
            raw = documents.with_id(KEYS[number], fields)
            delete = data.draw(st.integers(0, 3), label="0 deletes") == 0
            if write(sides[side], name, raw, delete=delete):
                written_last[name, number] = side
                if side is Side.LOCAL:
                    local[name, number] = None if delete else raw
            if data.draw(st.booleans(), label="sync looks now"):
                world.settle()
            if data.draw(st.integers(0, 3), label="0 starts the listener again") == 0:
                device.open()  # at its first token: it looks at everything again
        world.settle()
        for name in collections:
            here, there = contents(device.local, name), contents(world.atlas, name)
            if name not in excluded:
                assert here == there
                continue
            own = sorted(raw for (one, _), raw in local.items() if one == name and raw is not None)
            assert [_stamp(raw) for raw in here] == [_stamp(raw) for raw in own], "Atlas got in"
            for number in range(len(KEYS)):
                if written_last.get((name, number)) is Side.LOCAL:
                    raw = local[name, number]
                    assert raw is None or _stamp(raw) in map(_stamp, there), "a local change did not go up"
        came = {change.key.collection for side, change in device.changes if side is Side.ATLAS}
        assert not came & excluded, "excluded collections stay on the server"
    finally:
        world.close()
        for name in collections:
            for database in sides.values():
                database.drop_collection(name)


def _stamp(raw: bytes) -> bytes:
    """`_id` and the unique field after it."""
    return raw[4 : 4 + 9 + 4 + 3 + 12]
