"""The judge of the fuzz finds what is not named, and accepts each way of naming."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bson
import pytest

from syncapp.core.content import document_key, id_of
from tests.fuzz.api import Named
from tests.fuzz.bson_bytes import text, whole
from tests.fuzz.judge import judge
from tests.fuzz.world import Documents

NOTHING = Named({"syncWorker": {"queueSize": 0}, "comparisons": []}, (), {}, (), {})
NOT_TEXT = b"\xff\xfe\x80a"


def stored(*documents: dict[str, Any] | bytes) -> Documents:
    encoded = [one if isinstance(one, bytes) else bson.encode(one) for one in documents]
    return {document_key("", id_of(one)).identity: one for one in encoded}


def test_equal_sides_need_no_name() -> None:
    verdict = judge({b"a": stored({"_id": 1})}, {b"a": stored({"_id": 1})}, NOTHING)
    assert verdict.problems == ()
    assert verdict.named == {"equal": 1}


@pytest.mark.parametrize("there", [{}, {b"a": stored({"_id": 1, "x": 1})}, {b"a": stored({"_id": 1.0})}])
def test_a_difference_that_nobody_names_is_a_problem(there: dict[bytes, Documents]) -> None:
    verdict = judge({b"a": stored({"_id": 1})}, there, NOTHING)
    assert len(verdict.problems) == 1
    assert verdict.collections == {b"a"}


@pytest.mark.parametrize(
    "named",
    [
        replace(NOTHING, halts=({"side": "local", "collection": "a"},)),
        replace(NOTHING, refused={"a": "It is a view."}),
        replace(NOTHING, excluded=("*",)),
        replace(NOTHING, documents={("a", '{"$numberInt": "1"}'): "rejected"}),
    ],
)
def test_each_way_of_naming_counts(named: Named) -> None:
    assert judge({b"a": stored({"_id": 1})}, {}, named).problems == ()
    assert judge({b"b": stored({"_id": 1})}, {}, replace(named, excluded=())).problems


def test_one_named_document_does_not_name_another() -> None:
    named = replace(NOTHING, documents={("a", '{"$numberInt": "1"}'): "rejected"})
    verdict = judge({b"a": stored({"_id": 1}, {"_id": 2})}, {}, named)
    assert len(verdict.problems) == 1
    assert "1 of 2" in verdict.problems[0]


def test_names_and_ids_that_are_not_text_are_found_by_what_is_shown() -> None:
    document = whole((b"_id", text(NOT_TEXT)))
    named = replace(NOTHING, documents={("\\xff\\xfe\\x80a", '"\\ufffd\\ufffd\\ufffda"'): "rejected"})
    assert judge({NOT_TEXT: stored(document)}, {}, named).problems == ()


def test_what_is_said_of_a_document_that_does_not_differ_is_counted() -> None:
    named = replace(NOTHING, documents={("a", '{"$numberInt": "1"}'): "rejected", ("b", "null"): "rejected"})
    same = {b"a": stored({"_id": 1})}
    assert judge(same, same, named).named == {"equal": 1, "named though equal": 2}
    assert judge(same, same, replace(named, refused={"b": "It is a view."})).named["named though equal"] == 1
