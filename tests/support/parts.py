"""What the tests need beside Python's packages, and where each part comes from.

    python -m tests.support.parts      # as root on Debian: installs those that are missing

A part that is missing fails one test, which says how to install it; what needs the part is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import playwright
import pytest

from syncapp.embedded.binaries import ServerMissing, find_mongod, find_redis
from syncapp.embedded.libraries import runnable_here
from tests.support.faketime import faketime
from tests.support.postgres import find_postgres
from tests.support.rabbitmq import find_rabbitmq

SYSTEMD = Path("/etc/systemd/system")


@dataclass(frozen=True)
class Part:
    name: str
    package: str  # Debian's; empty: it comes from a wheel
    why_missing: Callable[[], str]  # empty: it is there; else the line that says what to install


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def _why_not_runnable(find: Callable[[], str]) -> str:
    try:
        with tempfile.TemporaryDirectory() as folder:
            runnable_here(find(), Path(folder))
    except ServerMissing as missing:
        return str(missing)
    return ""


def _why_not_found(program: object, line: str) -> str:
    return "" if program else line


MONGOD = Part("mongod", "", lambda: _why_not_runnable(find_mongod))
REDIS = Part("Redis", "", lambda: _why_not_runnable(find_redis))
CHROMIUM = Part(
    "Chromium",
    "chromium",
    lambda: _why_not_found(
        find_chromium(),
        "Chromium was not found: install it (on Debian: apt-get install chromium), or name it in CHROMIUM",
    ),
)
# Its own Node.js, which the wheel carries
PLAYWRIGHT = Part(
    "Playwright",
    "libatomic1",
    lambda: _why_not_runnable(lambda: str(Path(playwright.__file__).parent / "driver" / "node")),
)
POSTGRES = Part(
    "PostgreSQL",
    "postgresql",
    lambda: _why_not_found(
        find_postgres(),
        "PostgreSQL's server was not found: install it (on Debian: apt-get install postgresql)",
    ),
)
RABBIT = Part(
    "RabbitMQ",
    "rabbitmq-server",
    lambda: _why_not_found(
        find_rabbitmq(),
        "RabbitMQ's server was not found: install it (on Debian: apt-get install rabbitmq-server)",
    ),
)
# What the documents tell one to type
CURL, JQ = (
    Part(
        name,
        name,
        lambda name=name: _why_not_found(
            shutil.which(name), f"{name} was not found: install it (on Debian: apt-get install {name})"
        ),
    )
    for name in ("curl", "jq")
)
PROMTOOL = Part(
    "promtool",
    "prometheus",
    lambda: _why_not_found(
        shutil.which("promtool"), "promtool was not found: install it (on Debian: apt-get install prometheus)"
    ),
)
FAKETIME = Part(
    "libfaketime",
    "libfaketime",
    lambda: _why_not_found(
        faketime(), "libfaketime was not found: install it (on Debian: apt-get install libfaketime)"
    ),
)
# Their packages start a service, which no test needs and which takes its port
SERVICES = ("prometheus", "rabbitmq-server")
PARTS = (MONGOD, REDIS, CHROMIUM, PLAYWRIGHT, POSTGRES, RABBIT, CURL, JQ, PROMTOOL, FAKETIME)


def need(part: Part) -> None:
    """Skip the test if it is not there: one test fails for it, see above."""
    if part.why_missing():
        pytest.skip(f"{part.name} is missing, see test_needed_parts.py")


def install_packages(names: list[str]) -> None:
    """By apt-get. What does not work is said, and the tests say it again."""
    print(f"Installing Debian's packages that the tests need: {', '.join(names)} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"apt-get {' '.join(command)} failed:\n{done.stdout[-2_000:]}", file=sys.stderr)


@contextmanager
def without_services() -> Iterator[None]:
    """A masked service is not started by its package's installation; afterwards it is as one that nobody has enabled."""
    masked = [
        path
        for name in SERVICES
        if SYSTEMD.is_dir() and not os.path.lexists(path := SYSTEMD / f"{name}.service")
    ]
    for path in masked:
        path.symlink_to("/dev/null")
    try:
        yield
    finally:
        for path in masked:
            path.unlink(missing_ok=True)
            if shutil.which("systemctl"):
                subprocess.run(
                    ["systemctl", "--quiet", "disable", path.name], stderr=subprocess.DEVNULL, check=False
                )


def main() -> None:
    missing = [part.package for part in PARTS if part.package and part.why_missing()]
    if missing and os.getuid() == 0 and shutil.which("apt-get"):
        with without_services():
            install_packages(missing)


if __name__ == "__main__":
    main()
