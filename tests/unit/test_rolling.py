"""Where the next night's verification begins."""

from __future__ import annotations

from typing import Any

import pytest

from syncapp.compare.rolling import next_part
from syncapp.store.run import decode_run

EPOCH: Any = 0


def run(names: str, at: int, start: bytes | None = None, results: tuple[Any, ...] = ()) -> Any:
    document = {
        "_id": "1", "kind": "verify", "why": "", "collections": [], "treatment": "as agreed", "owes": False,
        "state": "done", "slice": 1, "names": list(names), "at": at, "start": start, "expected": 0,
        "counts": {}, "samples": [], "error": "", "failures": 0, "v": 1, "requestedAt": EPOCH, "updatedAt": EPOCH,
        "results": list(results),
    }  # fmt: skip
    return decode_run(document)


@pytest.mark.parametrize(
    ("there", "last", "names", "start"),
    [
        ("cab", None, "abc", None),
        ("abc", run("abc", 1), "bca", None),  # b was not begun
        ("abc", run("abc", 1, b"x"), "bca", b"x"),  # in the middle of b
        ("abc", run("bca", 3), "bca", None),  # it came round
        ("ac", run("abc", 1, b"x"), "ca", None),  # b is gone
        ("ab", run("abc", 2, b"x"), "ab", None),
        ("abbz", run("ab", 1, b"x"), "bbza", b"x"),
    ],
)
def test_it_continues_where_the_last_one_stopped(
    there: str, last: Any, names: str, start: bytes | None
) -> None:
    part = next_part(list(there), last, 10, 60_000)
    assert ("".join(part.names), part.start, part.budget_ms) == (names, start, 60_000)


def test_what_was_found_in_the_same_collection_before_counts_on() -> None:
    results = ({"c": "a"}, {"c": "b"})
    assert next_part(["a", "b"], run("ab", 1, b"x", results), 0, 1).results == ({"c": "b"},)
    assert next_part(["a", "b"], run("ab", 1, None, results), 0, 1).results == ()
