"""A table of results, as text for a terminal and as Markdown, and its words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PRODUCT, LIMIT, CEILING, NAIVE = "product", "limit", "ceiling", "naive"
ARROWS = {"local": "local → Atlas", "atlas": "Atlas → local", "devices": "devices → all", "": ""}


@dataclass(frozen=True)
class Table:
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def as_markdown(self) -> str:
        lines = [f"### {self.title}", "", _line(self.head), _line(["---"] * len(self.head))]
        return "\n".join([*lines, *map(_line, self.rows)])

    def as_text(self) -> str:
        widths = [max(len(row[i]) for row in (self.head, *self.rows)) for i in range(len(self.head))]
        lines = []
        for row in (self.head, *self.rows):
            # Words to the left, numbers to the right
            cells = [
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(cells).rstrip())
        return "\n".join([self.title, *lines])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} ×" if value < 10 else f"{value:.0f} ×"
