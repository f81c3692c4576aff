"""Real processes of the product in an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from syncapp.conf import BASE_DIR, SETTINGS


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a process whose SYNC_HOME is `home`; settings not given have their defaults."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_FILE")}
    return {
        **kept,
        **{setting.name: "" for setting in SETTINGS},
        "DJANGO_SETTINGS_MODULE": "syncproject.settings",
        "PYTHONUNBUFFERED": "1",
        "SYNC_HOME": str(home),
        **settings,
    }


def manage(
    *arguments: str, home: Path, timeout: float = 60, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` with these arguments to its end."""
    return subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), *arguments],
        env=environment(home, **settings),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start(
    command: list[str], home: Path, output: Path | None = None, **settings: str
) -> subprocess.Popen[bytes]:
    """Start a process; its output goes to the file `output`."""
    with (output or Path(os.devnull)).open("ab") as file:
        return subprocess.Popen(
            command,
            env=environment(home, **settings),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def start_manage(
    *arguments: str, home: Path, output: Path | None = None, **settings: str
) -> subprocess.Popen[bytes]:
    """Start `manage.py` with these arguments and go on."""
    return start([sys.executable, str(BASE_DIR / "manage.py"), *arguments], home, output, **settings)
