"""Puts the tables and plots of a run into the documents: `make bench ARGS=--publish`, or later

python -m tests.benchmarks.publish bench-results/FILE.json
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from syncapp.conf.settings import BASE_DIR
from tests.benchmarks.plots import all_plots
from tests.benchmarks.results import Results
from tests.benchmarks.tables import all_tables

PAGE = BASE_DIR / "docs" / "performance.md"
PLOTS = BASE_DIR / "docs" / "performance"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def publish(*measured: Results) -> None:
    """Write what one or more runs of the benchmark measured into the page, with its plots."""
    PLOTS.mkdir(exist_ok=True)
    results = together(measured)
    plots = all_plots(results)
    for name, svg in plots.items():
        (PLOTS / name).write_text(svg)
    machine = results.machine
    said = (
        f"Measured {machine['date']} on {machine['cores']} cores ({machine['processor']}) that everything shared, "
        f"MongoDB {machine['mongodb']}, Python {machine['python']}. Medians, each command's runs in brackets:"
    )
    commands = [f"    {one.options['command']}  ({one.options['runs']})" for one in measured]
    parts = [said, "\n".join(commands), *(f"![{name}](performance/{name})" for name in plots)]
    parts += [table.as_markdown() for table in all_tables(results)]
    PAGE.write_text(put_between(PAGE.read_text(), "\n\n".join(parts)))


def together(measured: Sequence[Results]) -> Results:
    """What was measured on one machine, as if in one run."""
    results = Results(measured[0].machine, measured[0].options)
    for one in measured:
        results.drains += one.drains
        results.latencies += one.latencies
        results.fleets += one.fleets
        results.idles += one.idles
        results.first_runs += one.first_runs
        results.steps += one.steps
        results.parts += one.parts
        results.moves += one.moves
        results.streams += one.streams
        results.looked += one.looked
    return results


def put_between(page: str, text: str) -> str:
    """The page with this text between its two marks. Raises ValueError if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for figures ({BEGIN} … {END})")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    publish(*(Results.load(Path(one)) for one in sys.argv[1:]))
