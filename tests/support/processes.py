"""Real processes of the product in an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from syncapp.conf.settings import BASE_DIR, SETTINGS
from tests.support import forked


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
    """Run `manage.py` with these arguments to its end, without importing libraries (`forked.py`)."""
    command = [str(BASE_DIR / "manage.py"), *arguments]
    return forked.run(command, environment(home, **settings), BASE_DIR, timeout)


def manage_from_the_start(
    *arguments: str, home: Path, timeout: float = 60, **settings: str
) -> subprocess.CompletedProcess[str]:
    """The same as an operator does it."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    told = environment(home, **settings)
    return subprocess.run(
        command, env=told, cwd=BASE_DIR, capture_output=True, text=True, timeout=timeout, check=False
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


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    command: str


def processes_of(home: Path) -> list[Process]:
    """Every living process that was told this SYNC_HOME, or works in it (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = f"SYNC_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0")
            # Redis writes its title over its environment
            if told or (folder / "cwd").readlink().is_relative_to(home):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                found.append(Process(int(folder.name), parent, command))
        except OSError:  # it has just ended, or it is somebody else's
            continue
    return found
