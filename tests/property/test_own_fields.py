"""Own fields at the level of bytes: what is left out of a document, and how the rest is written around it."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncapp.core.content import content_hash
from syncapp.core.rule.own_fields import OwnFields, projection_of
from syncapp.core.rule.projection import WHOLE

NAMES = ["a", "b", "mine", "", "ü"]
PATHS = st.lists(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join), min_size=1, max_size=3
).map(tuple)
VALUES = st.recursive(
    st.one_of(st.integers(-5, 5), st.text(max_size=3), st.none(), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=4), st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5)
DOCUMENTS = FIELDS.map(lambda fields: {"_id": 1, **fields})


def split(document: Any, paths: tuple[str, ...], around: str = "") -> tuple[Any, dict[str, Any]]:
    """What counts of a document, and its own fields by their paths; said another way than in the product."""
    shared, own = {}, {}
    for name, value in document.items():
        path = f"{around}{name}"
        if path in paths:
            own[path] = value
        elif isinstance(value, dict):
            shared[name], inner = split(value, paths, f"{path}.")
            own |= inner
        else:
            shared[name] = value
    return shared, own


def has_place(document: Any, path: str) -> bool:
    *around, _ = path.split(".")
    for name in around:
        if not isinstance(document, dict) or name not in document:
            return False
        document = document[name]
    return isinstance(document, dict)


@given(document=DOCUMENTS, paths=PATHS)
def test_what_counts_is_everything_else_byte_for_byte(
    document: dict[str, Any], paths: tuple[str, ...]
) -> None:
    own = OwnFields(paths)
    raw = bson.encode(document)
    shared, _ = split(document, paths)
    assert own.bare(raw) == bson.encode(shared)
    assert own.content(raw) == content_hash(bson.encode(shared))
    assert own.bare(None) is None


@given(source=DOCUMENTS, target=DOCUMENTS, paths=PATHS)
def test_each_side_keeps_its_own_and_gets_the_rest(
    source: dict[str, Any], target: dict[str, Any], paths: tuple[str, ...]
) -> None:
    own = OwnFields(paths)
    carried = own.carried(bson.encode(source), bson.encode(target))
    assert carried is not None
    assert own.bare(carried) == own.bare(bson.encode(source)), "in the source's order"
    kept = split(bson.decode(carried), paths)[1]
    before = split(target, paths)[1]
    shared = split(source, paths)[0]
    assert kept == {path: value for path, value in before.items() if has_place(shared, path)}
    assert own.carried(carried, bson.encode(target)) == carried, "the same again"
    assert own.carried(bson.encode(source), None) == own.bare(bson.encode(source)), "a new one has none"
    assert own.carried(None, bson.encode(target)) is None


@given(document=DOCUMENTS, fields=FIELDS, paths=PATHS)
def test_they_stay_where_they_are(
    document: dict[str, Any], fields: dict[str, Any], paths: tuple[str, ...]
) -> None:
    own = OwnFields(paths)
    raw = bson.encode(document)
    assert own.carried(own.bare(raw), raw) == raw
    assert own.same(raw, own.bare(raw))


def test_a_path_leads_through_documents_and_not_through_arrays() -> None:
    own = projection_of(("a.mine",))
    raw = bson.encode({"_id": 1, "a": [{"mine": 1}], "b": {"mine": 2}})
    assert own.bare(raw) == raw


def test_fields_of_one_name_are_all_left_out_and_kept() -> None:
    def document(*fields: tuple[str, int]) -> bytes:
        parts = b"".join(bson.encode({name: value})[4:-1] for name, value in fields)
        return (len(parts) + 5).to_bytes(4, "little") + parts + b"\0"

    own = projection_of(("mine",))
    target = document(("_id", 1), ("a", 1), ("mine", 1), ("a", 2), ("mine", 2))
    assert own.bare(target) == document(("_id", 1), ("a", 1), ("a", 2))
    source = document(("_id", 1), ("a", 3), ("mine", 9))
    assert own.carried(source, target) == document(("_id", 1), ("a", 3), ("mine", 1), ("mine", 2))


@pytest.mark.parametrize("paths", [("_id",), ("_id.a",)])
def test_the_id_is_never_own(paths: tuple[str, ...]) -> None:
    raw = bson.encode({"_id": {"a": 1}, "b": 1})
    assert projection_of(paths).bare(raw) == raw


def test_without_a_rule_it_is_the_whole_document() -> None:
    assert projection_of(()) is WHOLE
    assert projection_of(("b", "a")).id == projection_of(("a", "b", "a")).id != projection_of(("a",)).id
