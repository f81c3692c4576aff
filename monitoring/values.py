"""What health is made of: a status and reasons with it; and lengths of time to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncapp.one_line import one_line

MINUTE, HOUR = 60.0, 3600.0


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"

    @property
    def exit_code(self) -> int:
        """As monitoring plug-ins have it: 0 fine, 1 warning, 2 critical."""
        return list(Status).index(self)


@dataclass(frozen=True)
class Reason:
    status: Status
    text: str  # one line

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """A length of time to read: 42 s, 7 min, 3 h, 2 days."""
    for unit, size in (("days", 86_400), ("h", HOUR), ("min", MINUTE)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
