"""What a run found, as tables to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.judge import Verdict


@dataclass
class Report:
    seed: int
    devices: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    impossible: tuple[str, ...] = ()
    restarts: int = 0  # of `make run` as a whole
    refused: int = 0  # writes whose server was down
    settled_after: float | None = None  # seconds after the last fault was over
    verdict: Verdict | None = None
    moved: Counter[str] = field(default_factory=Counter)  # what the devices' own figures say
    documents: int = 0
    memory: Mapping[str, int] = field(default_factory=dict)
    tracebacks: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        head = f"Chaos: {self.devices} devices, {self.seconds:.0f} s of faults, seed {self.seed}"
        parts = [
            head,
            _table(f"Faults: {self.faults.total()}", dict(self.faults.most_common())),
            *(f"Not possible here: {what}" for what in self.impossible),
            _table("What happened", self._what_happened()),
            _table("Peak memory, MB per process", dict(self.memory)),
            _table("Tracebacks in the logs, by class", dict(self.tracebacks.most_common())),
            _table("Error lines in the logs, by event", dict(self.errors.most_common())),
        ]
        end = (
            "Nothing was lost, and all are equal."
            if not self.problems
            else "FAILED:\n  " + "\n  ".join(self.problems)
        )
        return "\n\n".join([*(part for part in parts if part), end])

    def _what_happened(self) -> dict[str, object]:
        settled = "never" if self.settled_after is None else f"{self.settled_after:.1f}"
        rows: dict[str, object] = {
            "`make run` started again": self.restarts,
            "writes refused, their server being away": self.refused,
            "seconds until all were equal and idle": settled,
        }
        if self.verdict is not None:
            rows |= {
                "writes of applications": self.verdict.native,
                "writes of sync": self.verdict.transfers,
                "versions that only a conflict record keeps": self.verdict.conflicts,
                "versions lost": len(self.verdict.lost),
                "documents at the end": self.documents,
            }
        return rows | dict(self.moved)


def _table(title: str, rows: Mapping[str, object]) -> str:
    if not rows:
        return ""
    width = max(len(name) for name in rows)
    return "\n".join([title, *(f"  {name:<{width}}  {value:>8}" for name, value in rows.items())])
