"""docker/compose*.yml as Docker Compose itself reads them: its program comes from a wheel and needs no engine for that."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from syncapp.conf.settings import BASE_DIR

SERVERS = ("redis", "postgres", "local", "atlas")  # and local-1, …
OWN = {  # as an operator's .env has them
    "MONGODB_URI": "mongodb://local.example/shop",
    "MONGODB_ATLAS_URI": "mongodb://atlas.example/shop",
    "FLOWER_PASSWORD": "f",
    "POSTGRES_PASSWORD": "p",
}
EXTERNAL = {
    "CELERY_BROKER_URL": "rediss://:p%2Fw@cache.example:6380/1",
    "DATABASE_URL": "postgres://u:p%40ss@db.example/isthmus",
}
SHAPES: dict[str, list[str]] = {
    "usual": ["-f", "docker/compose.yml"],
    "small": ["-f", "docker/compose.yml", "-f", "docker/compose.small.yml"],
    "external": ["-f", "docker/compose.yml", "-f", "docker/compose.external.yml"],
    "trial": ["--env-file", "docker/trial.env", "-f", "docker/compose.yml", "-f", "docker/compose.trial.yml"],
    "fleet": ["-f", "docker/compose.fleet.yml"],
}


def program() -> str | None:
    return shutil.which("docker-compose", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def project(folder: Path, settings: dict[str, str]) -> Path:
    """A folder with docker/ and, if there are settings, a `.env`."""
    shutil.copytree(BASE_DIR / "docker", folder / "docker")
    if settings:
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return folder


def config(shape: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        program() or "docker-compose",
        *SHAPES[shape],
        "--project-directory",
        ".",
        "config",
        "--format",
        "json",
    ]
    told = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=told, capture_output=True, text=True, check=False)


def services(shape: str, folder: Path) -> dict[str, Any]:
    """By name, with everything filled in."""
    if shape == "external":
        settings = {**OWN, **EXTERNAL}
        del settings["POSTGRES_PASSWORD"]
    else:
        settings = {} if shape in ("trial", "fleet") else OWN
    done = config(shape, project(folder, settings))
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found
