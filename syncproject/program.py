"""Which program this process is: what it loads depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# Of Celery. Flower shows what others know of the tasks
CELERY = frozenset({"worker", "beat", "flower"})
# Commands of operators that show no page, store no schedule and change no tables: they start in half the time
WITHOUT_PAGES = frozenset({
    "sync_alerts", "sync_backup", "sync_conflicts", "sync_devices", "sync_doctor", "sync_exclusions", "sync_explain",
    "sync_halts", "sync_health", "sync_initial", "sync_listen", "sync_rejected", "sync_restore", "sync_resync", "sync_rules",
    "sync_runs", "sync_status", "sync_toggle", "sync_token", "sync_verify",
})  # fmt: skip


def program(words: Sequence[str]) -> str:
    """The command of manage.py or of Celery in these words of a command line. Empty: something else, such as a web server
    or a test, which loads everything."""
    if words and _manages(Path(words[0])):
        return words[1] if len(words) > 1 else ""
    return next((word for word in words[1:] if word in CELERY), "")


def _manages(script: Path) -> bool:
    """Also `python -m django`, whose script is django/__main__.py."""
    return script.name in {"manage.py", "django-admin"} or script.parts[-2:] == ("django", "__main__.py")
