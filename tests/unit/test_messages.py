"""What listener and workers tell each other arrives as it was sent."""

from __future__ import annotations

import bson
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from syncapp.apply.messages import Report, decode_batch, decode_report, encode_batch, encode_report
from syncapp.core.content import document_key
from syncapp.core.values import BOTH, Batch, Ending, Fact, Operation, Seen, Side, WorkItem

positions = st.integers(0, (1 << 64) - 1)
times = st.none() | st.integers(-(1 << 62), 1 << 62)
facts = st.builds(Fact, positions, times, st.sampled_from(["atlas", "a", "b"]), st.sampled_from(Operation))
hashes = st.binary(min_size=16, max_size=16)
seen = st.builds(
    Seen,
    st.fixed_dictionaries(dict.fromkeys(BOTH, hashes)),
    st.fixed_dictionaries(dict.fromkeys(BOTH, st.integers(0, 1 << 62))),
    st.integers(0, 1 << 31),
    st.sampled_from([BOTH, (Side.LOCAL,)]),
)
ids = st.sampled_from([1, Int64(1 << 40), 1.5, "x\0y", {"a": 1}, b"\0"])
items = st.builds(
    lambda key, *rest: WorkItem(document_key("orders", bson.encode({"_id": key})), *rest),
    ids,
    st.dictionaries(st.sampled_from(BOTH), facts),
    st.none() | seen,
    st.integers(0, 9),
    st.integers(0, 9),
)


@given(st.lists(items, max_size=6))
def test_a_batch_arrives_as_it_was_sent(chosen: list[WorkItem]) -> None:
    batch = Batch(
        "task", Side.ATLAS, "orders", tuple(chosen), {Side.LOCAL: 1 << 62, Side.ATLAS: 0},
        hurry=True, halted=frozenset({Side.ATLAS}), rules_version=7, device="d", reply_to="r",
    )  # fmt: skip
    arrived = decode_batch(bson.decode(bson.encode(encode_batch(batch))))
    assert arrived == batch
    assert [item.key.id_bson for item in arrived.items] == [item.key.id_bson for item in chosen]


@given(st.lists(st.tuples(st.sampled_from(Ending), st.none() | seen, st.booleans()), max_size=6))
def test_a_report_arrives_as_it_was_sent(ends: list[tuple[Ending, Seen | None, bool]]) -> None:
    report = Report(
        "task",
        Side.ATLAS,
        tuple(ending for ending, _, _ in ends),
        {place: found for place, (_, found, _) in enumerate(ends) if found},
        frozenset(place for place, (_, _, moved) in enumerate(ends) if moved),
        {"local insert": 3},
        took_ms=1.5,
        silent_ms=200,
        rules_version=7,
        worker="shop:17",
        partners=tuple((bson.encode({"_id": place}), found) for place, (_, found, _) in enumerate(ends)),
    )
    assert decode_report(encode_report(report)) == report
