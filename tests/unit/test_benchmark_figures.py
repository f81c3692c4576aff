"""What `make bench` computes of its measurements. (The measurements themselves are no tests: no time fails one.)"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from syncapp.core.values import Side
from tests.benchmarks.drain import Drain
from tests.benchmarks.figures import medians, percentile, ratio
from tests.benchmarks.fleet_tables import growth_table, stream_table
from tests.benchmarks.idle import Idle
from tests.benchmarks.latency import Latency, worked_ms
from tests.benchmarks.options import read_options
from tests.benchmarks.pages import Looked
from tests.benchmarks.plots import Group, all_plots, bars
from tests.benchmarks.profile import Part, part_of, parts_of
from tests.benchmarks.publish import BEGIN, END, put_between, together
from tests.benchmarks.results import Results
from tests.benchmarks.rules import NO_RULE, Ruled
from tests.benchmarks.steps import Step
from tests.benchmarks.streams import Streams
from tests.benchmarks.table import Table
from tests.benchmarks.tables import (
    all_tables,
    cost_table,
    drain_table,
    idle_table,
    latency_table,
    page_table,
    part_table,
    rule_table,
    step_table,
    unique_table,
    urgency_table,
    worker_table,
)
from tests.benchmarks.unique import Move
from tests.benchmarks.urgency import Urgent


def drain(contender: str, changes: int, seconds: float, **more: int | bool) -> Drain:
    return Drain(contender, "inserts", "local", changes, seconds, **more)  # type: ignore[arg-type]


def test_the_price_of_many_devices_grows_with_their_number_whatever_their_heartbeats() -> None:
    one = Streams(100, idle=1_000.0, alone=50.0, backlog=15.0, foreign=20.0)
    # 1,000 devices: their polls 1 core, ten pushed writes a second 1, and 4 heartbeats a second, as of 20 devices, 0.08
    assert one.cores(1_000, 10) == pytest.approx(1 + 1 + 0.08)
    assert one.cores(10, 0) == pytest.approx(0.01 + 10 * 2 * 20 / 1e6)
    assert one.cores(1_000, 10, together=True) == pytest.approx(1 + 0.3 + 0.06)
    few = Streams(20, 2_000.0, 60.0, 20.0, 30.0)
    results = Results(streams=[few, one, one])
    assert stream_table(results).rows == [
        ("20", "2,000", "60", "20", "30"),
        ("100", "1,000", "50", "15", "20"),
    ]
    assert growth_table(results).rows[-1] == ("1,000", "1.09 to 1.18", "1.36 to 2.08", "4.06 to 11.08"), (
        "by the largest number"
    )
    assert growth_table(Results()).rows == []


def test_steps_are_added_up_for_each_kind_of_transfer() -> None:
    names = ("states read", "local commit")
    measured = [Step("local", "inserts", name, 1_000, 10.0, 4.0, 5.0, 1.0) for name in names]
    single = [Step("local", "inserts", name, 1, 1_500.0, 0.0, 0.0, 0.0) for name in names]
    assert step_table(Results(steps=[*measured, *single])).rows == [
        ("**inserts, local → Atlas**", "20.0", "8.0", "10.0", "2.0", "3.0"),
        ("states read", "10.0", "4.0", "5.0", "1.0", "1.5"),
        ("local commit", "10.0", "4.0", "5.0", "1.0", "1.5"),
    ]


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        (
            "run (syncapp/listener/threads.py:9);sendall (pymongo/network_layer.py:217)",
            "tokens, lease, metrics, health",
        ),
        (
            "read_states (/a path/syncapp/store/states.py:39);<dictcomp> (/a path/syncapp/store/states.py:39)",
            "states read",
        ),
        ("write_states (syncapp/store/states.py:60);wrap (syncapp/core/content.py:90)", "states written"),
        ("add (syncapp/engine/plan.py:4);content_hash (syncapp/core/content.py:44)", "hashes"),
        (
            "process 7:python;main (celery/bin/celery.py:232);poll (kombu/utils/eventio.py:80)",
            "Celery and the broker",
        ),
        ("Thread._bootstrap (threading.py:1002)", "other Python"),
    ],
)
def test_a_stack_counts_for_the_innermost_place_that_is_known(stack: str, part: str) -> None:
    assert part_of(stack.split(";")) == part
    assert parts_of(f"{stack} 3\n{stack} 2\n") == {part: 5}


def test_what_processes_spend_is_shown_for_each_kind_of_transfer() -> None:
    parts = [
        Part("local", "inserts", "worker", "hashes", 1.0),
        Part("local", "inserts", "worker", "states read", 4.0),
        Part("atlas", "inserts", "worker", "hashes", 2.0),
    ]
    table = part_table(Results(parts=parts))
    assert table.head[1:] == ("inserts, local → Atlas", "inserts, Atlas → local")
    assert table.rows == [
        ("**worker**", "5.0", "2.0"),
        ("states read", "4.0", "0.0"),
        ("hashes", "1.0", "2.0"),
    ]


def test_percentile_is_a_measured_value_that_so_many_do_not_exceed() -> None:
    values = [float(number) for number in range(1, 201)]
    assert [percentile(values, percent) for percent in (0, 50, 95, 99, 100)] == [1, 100, 190, 198, 200]
    assert percentile([7.0], 99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_one_slow_run_of_three_does_not_move_the_median() -> None:
    assert medians([("a", 10.0), ("b", 1.0), ("a", 11.0), ("a", 900.0)]) == {"a": 11.0, "b": 1.0}


def test_a_ratio_to_what_was_not_measured_is_none() -> None:
    assert ratio(8.0, 4.0) == 2.0
    assert ratio(8.0, None) is None
    assert ratio(None, 4.0) is None
    assert ratio(8.0, 0.0) is None


def test_drains_are_shown_as_ratios_first() -> None:
    results = Results(
        drains=[drain("product", 8_000, 1.0), drain("limit", 10_000, 1.0), drain("naive", 200, 1.0)]
    )
    (row,) = drain_table(results).rows
    assert row == ("inserts, local → Atlas", "0.80 ×", "40 ×", "8,000", "10,000", "–", "200")


def test_runs_with_other_settings_do_not_mix_into_the_drains() -> None:
    results = Results(
        drains=[
            drain("product", 8_000, 1.0),
            drain("product", 1, 1.0, workers=4),
            drain("product", 2, 1.0, live=True),
            drain("product", 3, 1.0, round_trip_ms=100),
        ]
    )
    (row,) = drain_table(results).rows
    assert row[1:] == ("–", "–", "8,000", "–", "–", "–")


def test_what_a_change_costs_stands_beside_what_there_is_at_the_rate_of_the_limit() -> None:
    spent = {"listener": 30.0, "worker": 40.0, "broker": 1.0, "local MongoDB": 35.0, "Atlas": 25.0}
    results = Results(
        machine={"cores": 2},
        drains=[
            drain("product", 8_000, 1.0, cpu_us=spent),
            drain("limit", 10_000, 1.0, cpu_us={"limit": 25.0, "local MongoDB": 15.0}),
        ],
    )
    (row,) = cost_table(results).rows
    assert row == ("inserts, local → Atlas", "30", "40", "1", "35", "25", "131", "200", "25", "–")


def test_worker_processes_are_compared_with_the_limit() -> None:
    results = Results(
        drains=[
            drain("product", 5_000, 1.0, workers=1),
            drain("product", 9_000, 1.0, workers=2),
            drain("limit", 10_000, 1.0),
        ]
    )
    (row,) = worker_table(results).rows
    assert row == ("inserts, local → Atlas", "5,000 (0.50 ×)", "9,000 (0.90 ×)")


def test_latency_is_compared_with_the_naive_loop() -> None:
    results = Results(
        latencies=[
            Latency("product", "atlas", 50, 9.0, 10.0, 30.0, 40.0, worked=5.5),
            Latency("naive", "atlas", 50, 6.0, 7.0, 10.0, 12.0),
        ]
    )
    (row,) = latency_table(results).rows
    assert row[:4] == ("Atlas → local, 50 writes/s", "1.50 ×", "3.00 ×", "9.0 / 10.0 / 30.0")
    assert row[-1] == "5.5"


def test_latency_is_compared_without_and_with_somebody_who_looks() -> None:
    results = Results(
        looked=[
            Looked("local", 500, False, 10.0, 12.0, 20.0),
            Looked("local", 500, True, 11.0, 13.0, 24.0, requests=100.4, request_p95=30.0, web=41.0),
            Looked("local", 500, False, 10.0, 12.0, 20.0),
            Looked("local", 500, True, 11.0, 13.0, 24.0, requests=100.4, request_p95=30.0, web=41.0),
        ]
    )
    (row,) = page_table(results).rows
    assert row == (
        "local → Atlas, 500 writes/s", "10.0 / 12.0 / 20.0", "11.0 / 13.0 / 24.0", "1.10 ×", "1.20 ×", "100", "30",
        "41 %", "0",
    )  # fmt: skip


def test_the_time_in_the_worker_is_the_median_of_the_tasks_of_one_collection() -> None:
    log = "\n".join(
        f"… collection={collection} documents=1 event_name=pulled took_ms={taken}"
        for collection, taken in (("rate_50", 4.0), ("rate_500", 90.0), ("rate_50", 12.0), ("rate_50", 6.5))
    )
    assert worked_ms(log, "rate_50") == 6.5


def test_the_databases_do_not_count_as_idle_cost_of_the_product() -> None:
    measured = Idle(
        30.0, {"listener": 0.5, "worker": 0.25, "broker": 0.25, "Atlas": 3.0, "local MongoDB": 4.0}
    )
    assert measured.product == 1.0
    small = Idle(30.0, {"web": 0.5}, {"web": 50.0, "worker": 30.0, "Atlas": 500.0}, "small")
    rows = idle_table(Results(idles=[measured, small])).rows
    assert rows[0] == ("standard", "the product in all", "1.00", "0")
    assert ("small", "the product in all", "0.50", "80") in rows
    assert ("small", "web", "0.50", "50") in rows


def test_tables_line_up_for_terminals_and_are_markdown_for_pages() -> None:
    table = Table("Title", ("", "a"), [("long name", "1"), ("b", "1,000")])
    assert table.as_text() == "Title\n                 a\n  long name      1\n  b          1,000"
    assert table.as_markdown() == "### Title\n\n|  | a |\n| --- | --- |\n| long name | 1 |\n| b | 1,000 |"


def test_results_are_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    results = Results({"cores": 2}, {"runs": 3}, [drain("limit", 5, 1.0)], idles=[Idle(1.0, {"web": 1.0})])
    results.parts.append(Part("local", "inserts", "worker", "hashes", 1.0))
    results.save(tmp_path / "folder" / "results.json")
    assert Results.load(tmp_path / "folder" / "results.json") == results


def test_nothing_measured_gives_no_tables_and_no_plots() -> None:
    assert all_tables(Results()) == []
    assert all_plots(Results()) == {}


def test_a_plot_is_well_formed_and_its_longest_bar_belongs_to_the_largest_value() -> None:
    svg = bars("a < b", [Group("x & y", (("product", 10.0), ("limit", 40.0)))])
    root = ElementTree.fromstring(svg)
    widths = {
        one.get("fill"): float(one.get("width", "0"))
        for one in root.iter("{http://www.w3.org/2000/svg}rect")
        if one.get("height") == "12"
    }
    assert widths["#94a3b8"] == pytest.approx(4 * widths["#2563eb"])


def test_figures_are_put_between_their_marks_and_nothing_else_changes() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert put_between(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        put_between("a page without marks", "new")


def test_options_choose_what_is_measured() -> None:
    options = read_options(["--quick", "--only", "basic,idle", "--from", "atlas"])
    assert options.groups == ("basic", "idle")
    assert options.sources == (Side.ATLAS,)
    assert (options.runs, options.changes) == (1, 2_000)
    assert read_options(["--full"]).changes == 100_000
    assert read_options([]).runs >= 3


def test_an_unknown_group_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--only", "basic,nonsense"])
    assert "nonsense" in capsys.readouterr().err


def test_runs_of_several_commands_are_put_together() -> None:
    first = Results({"cores": 2}, {"runs": 3}, [drain("product", 8_000, 1.0)])
    second = Results({"cores": 2}, {"runs": 1}, [drain("limit", 10_000, 1.0)], idles=[Idle(1.0)])
    results = together([first, second])
    assert (len(results.drains), len(results.idles)) == (2, 1)
    (row,) = drain_table(results).rows
    assert row[1] == "0.80 ×"


def test_a_drain_under_a_rule_is_compared_with_the_same_without() -> None:
    ruled = [
        Ruled(rule, "updates", "local", rate, 150.0)
        for rule, rate in ((NO_RULE, 8_000.0), ("a filter", 6_000.0))
    ]
    rows = rule_table(Results(ruled=ruled)).rows
    assert rows == [
        ("updates, local → Atlas, no rule", "1.00 ×", "8,000", "150"),
        ("updates, local → Atlas, a filter", "0.75 ×", "6,000", "150"),
    ]


def test_of_what_goes_first_the_worst_of_all_runs_is_shown() -> None:
    urgent = [
        Urgent("product", "local", 200_000, "atlas", away, 5.0, 10 * away, 20 * away, 30.0, 100.0)
        for away in (30.0, 10.0, 20.0)
    ]
    (row,) = urgency_table(Results(urgent=urgent)).rows
    assert row[1:] == ("5", "200", "600", "30", "30", "100")
    assert row[0].startswith("local → Atlas, behind 200,000")


def test_of_unique_values_the_longest_wait_of_all_runs_is_shown() -> None:
    moves = [
        Move("local", "shift", 2_000, seconds, wait) for seconds, wait in ((1.0, 0.5), (3.0, 0.2), (2.0, 0.1))
    ]
    table = unique_table(Results(moves=moves))
    assert table.rows == [("shift, 2,000, local → Atlas", "2.0", "0.50")]
