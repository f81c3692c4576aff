"""The parts of the self-test, and what a result looks like."""

from __future__ import annotations

import pytest

from syncapp.apply.messages import Report
from syncapp.core.content import document_key
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.rule.patterns import check_pattern
from syncapp.core.scratch import is_scratch, scratch_name, scratch_pattern
from syncapp.core.values import Batch, Ending, Outcome, Side
from syncapp.selftest.part import all_parts, chosen
from syncapp.selftest.traffic import Flow
from syncapp.selftest.values import Line, Result, as_document, failed, passed
from syncapp.services.selftest import wanted

NAMES = [
    "basic",
    "replication",
    "loops",
    "conflicts",
    "exclusions",
    "rules",
    "resume",
    "errors",
    "performance",
    "load",
]


def test_the_parts_are_those_of_the_guide_in_their_order() -> None:
    assert [part.name for part in all_parts()] == NAMES
    assert [part.name for part in chosen([])] == NAMES[:-1]
    assert [part.name for part in chosen(["load", "basic"])] == ["basic", "load"]
    assert len({part.place for part in all_parts()}) == len(NAMES)
    with pytest.raises(KeyError):
        chosen(["nothing"])


def test_scratch_names_are_synchronised_and_are_no_names_of_applications() -> None:
    name = scratch_name(wanted(["loops"]).run, "loops", 3)
    assert is_scratch(name)
    assert not is_reserved(name)
    assert len(name) < 60
    for other in ("orders", "isthmus_selftest_", "isthmus_selftest_notes", f"{name}_old"):
        assert not is_scratch(other)


def test_a_pattern_matches_the_scratch_collections_of_one_purpose_and_one_run() -> None:
    run = wanted(["rules"]).run
    pattern = scratch_pattern(run, "rules")
    check_pattern(pattern)
    matches = Exclusions.of([pattern]).excludes
    assert matches(scratch_name(run, "rules", 1))
    assert not matches(scratch_name(run, "beside", 1))
    assert not matches(scratch_name(wanted(["rules"]).run, "rules", 1))


def test_a_result_is_as_its_lines_are() -> None:
    good, bad = Result("loops", [passed("a", loops=0)], 1.25), Result("basic", [passed("b"), failed("c")])
    assert as_document([good]) == {
        "ok": True,
        "parts": [
            {
                "name": "loops",
                "ok": True,
                "figures": {"loops": 0, "seconds": 1.2},
                "lines": [{"ok": True, "text": "a"}],
            }
        ],
    }
    assert as_document([good, bad])["ok"] is False
    assert not Result("rules").ok, "nothing was tested"
    assert not as_document([])["ok"]


def test_a_line_is_one_line_without_passwords() -> None:
    assert "secret" not in Line(False, "mongodb://ada:secret@host/ is away").text
    assert "\n" not in Line(True, "a\nb").text


def test_a_write_that_was_overtaken_has_arrived_with_the_newer_one() -> None:
    flow = Flow(Side.LOCAL, "x")
    for number in (1, 2, 3):
        flow.pending["a"].append((number, 0.0))
    flow.saw({"fullDocument": {"_id": "a", "n": 2}})
    assert flow.arrived == 2
    flow.saw({"fullDocument": None})
    flow.saw({"fullDocument": {"_id": "a", "n": 3}})
    assert flow.arrived == 3


def test_percentiles() -> None:
    flow = Flow(Side.LOCAL, "x", latencies=[one / 1000 for one in range(100, 0, -1)])
    assert [round(flow.percentile_ms(share)) for share in (0.5, 0.95, 0.99)] == [51, 96, 100]
    assert Flow(Side.LOCAL, "x").percentile_ms(0.99) == 0


@pytest.mark.parametrize(
    ("collection", "counted"),
    [("orders", {"atlas failed": 1}), (scratch_name("0" * 12, "errors", 1), {"atlas skipped": 1})],
)
def test_what_a_self_test_has_refused_on_purpose_is_no_failure(
    collection: str, counted: dict[str, int]
) -> None:
    key = document_key(collection, b"\x0e\0\0\0\x10_id\0\x01\0\0\0\0")
    outcome = Outcome(key, Ending.REJECTED, transfer=Side.ATLAS, reason="a validator refuses it")
    assert dict(Report.of(Batch("t", Side.LOCAL, collection, (), {}), [outcome], 1.0).counts) == counted
