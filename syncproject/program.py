"""Which program this process is: what it loads depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Of Celery. Flower shows what others know of the tasks
CELERY = frozenset({"worker", "beat", "flower"})
# Commands of operators that show no page, store no schedule and change no tables: they start in half the time
WITHOUT_PAGES = frozenset(
    f"sync_{name}"
    for name in (
        *(
            "alerts",
            "backup",
            "doctor",
            "exclusions",
            "halts",
            "initial",
            "listen",
            "rejected",
            "restore",
            "resync",
        ),
        *("runs", "status", "toggle", "token", "verify"),
    )
)


def program(words: Sequence[str]) -> str:
    """The command of manage.py or of Celery in these words of a command line. Empty: something else, such as a web server
    or a test, which loads everything."""
    if words and Path(words[0]).name == "manage.py":
        return words[1] if len(words) > 1 else ""
    return next((word for word in words[1:] if word in CELERY), "")
