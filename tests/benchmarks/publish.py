"""Puts the tables and plots of a run into the documents: `make bench ARGS=--publish`, or later

python -m tests.benchmarks.publish bench-results/FILE.json
"""

from __future__ import annotations

import sys
from pathlib import Path

from syncapp.conf import BASE_DIR
from tests.benchmarks.plots import all_plots
from tests.benchmarks.results import Results
from tests.benchmarks.tables import all_tables

PAGE = BASE_DIR / "docs" / "performance.md"
PLOTS = BASE_DIR / "docs" / "performance"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def publish(results: Results) -> None:
    PLOTS.mkdir(exist_ok=True)
    plots = all_plots(results)
    for name, svg in plots.items():
        (PLOTS / name).write_text(svg)
    machine, options = results.machine, results.options
    said = (
        f"Measured {machine['date']} by `{options['command']}` on {machine['cores']} cores "
        f"({machine['processor']}) that everything shared, MongoDB {machine['mongodb']}, "
        f"Python {machine['python']}. Medians of {options['runs']} runs."
    )
    parts = [said, *(f"![{name}](performance/{name})" for name in plots)]
    parts += [table.as_markdown() for table in all_tables(results)]
    PAGE.write_text(put_between(PAGE.read_text(), "\n\n".join(parts)))


def put_between(page: str, text: str) -> str:
    """The page with this text between its two marks. Raises ValueError if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for figures ({BEGIN} … {END})")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    publish(Results.load(Path(sys.argv[1])))
