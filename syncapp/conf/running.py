"""The environment of a running `make run`, so that commands in another terminal reach its servers."""

from __future__ import annotations

import json
from pathlib import Path

from syncapp.conf.home_lock import is_held

FILE = "running.json"


def keep_environment(home: Path, environment: dict[str, str]) -> None:
    path = home / FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(environment))


def forget_environment(home: Path) -> None:
    (home / FILE).unlink(missing_ok=True)


def environment_of_the_running(home: Path) -> dict[str, str]:
    """Empty if there is no run in this SYNC_HOME: a file left by a killed run is ignored."""
    if not is_held(home):
        return {}
    try:
        kept = json.loads((home / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in kept.items()}
