"""The output of the parts of a self-test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncapp.core.text.masking import mask_passwords
from syncapp.core.text.one_line import one_line

Figures = Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class Line:
    """✓ or ✗, and what was found. `figures`: the same as numbers, by names as JSON has them (units at the end)."""

    ok: bool
    text: str
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(" ".join(mask_passwords(self.text).split())))

    @property
    def mark(self) -> str:
        return "✓" if self.ok else "✗"


class Missed(Exception):
    """What a part waits for has not happened: the part ends with this line."""


@dataclass(slots=True)
class Result:
    """Of one part, as far as it has come."""

    name: str
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return bool(self.lines) and all(line.ok for line in self.lines)

    def as_document(self) -> dict[str, Any]:
        figures = {name: value for line in self.lines for name, value in line.figures.items()}
        return {
            "name": self.name,
            "ok": self.ok,
            "figures": {**figures, "seconds": round(self.seconds, 1)},
            "lines": [{"ok": line.ok, "text": line.text} for line in self.lines],
        }


def as_document(results: list[Result]) -> dict[str, Any]:
    """As `--json` prints it."""
    return {
        "ok": bool(results) and all(one.ok for one in results),
        "parts": [one.as_document() for one in results],
    }


def passed(text: str, **figures: float | int | str | None) -> Line:
    return Line(True, text, figures)


def failed(text: str, **figures: float | int | str | None) -> Line:
    return Line(False, text, figures)
