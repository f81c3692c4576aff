"""`make run` and `make test` in a minimal Debian, as root and as an ordinary user.

    python3 -m tests.fresh [root] [tester]     FRESH_HOME=folder  ARGS="what pytest is told"

An ordinary user cannot have Debian's packages: the only tests that may fail there are those that name them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fresh.system import USER, System, make_base

PROJECT = Path(__file__).resolve().parents[2]
ALLOWED_WITHOUT_ROOT = "tests/unit/test_needed_parts.py"
START_TIMEOUT, STOP_TIMEOUT = 600, 30  # seconds; the first has the installation in it


def main(users: list[str]) -> int:
    if os.getuid() != 0 or not shutil.which("debootstrap"):
        print("Needs root and debootstrap (on Debian: apt-get install debootstrap)", file=sys.stderr)
        return 2
    kept = os.environ.get("FRESH_HOME")
    home = Path(kept or tempfile.mkdtemp(prefix="isthmus-fresh-"))
    make_base(home / "base")
    failures = [failure for user in users for failure in try_as(user, home)]
    if not failures and not kept:
        shutil.rmtree(home)
    print("\n".join(failures) or "Both commands work on a fresh machine.")
    return 1 if failures else 0


def try_as(user: str, home: Path) -> list[str]:
    system = System(home / "base", home / user)
    folder = system.put(PROJECT, user)
    found: list[str] = []
    for name, trial in (("run", try_run), ("test", try_test)):
        log = home / f"{user}-{name}.log"
        print(f"make {name} as {user} … ({log})", flush=True)
        began = time.monotonic()
        wrong = trial(system, folder, user, log)
        print(f"    {wrong or 'good'} ({time.monotonic() - began:.0f} s)", flush=True)
        found += [f"make {name} as {user}: {wrong}"] if wrong else []
    shutil.rmtree(system.root)
    return found


def try_run(system: System, folder: str, user: str, log: Path) -> str:
    """What is wrong; empty if nothing is."""
    with socket.socket() as taken:  # the network is this machine's, where 5000 may be in use
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process = start(system, f"cd '{folder}' && make run PORT={port}; exit $?", user, log)
    try:
        wait(lambda: process.poll() is not None or "Ctrl-C" in log.read_text(), START_TIMEOUT)
        is_healthy = "Sync is healthy" in log.read_text()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
            wait(lambda: process.poll() is not None, STOP_TIMEOUT)
    finally:
        process.kill()
        process.wait()
    if not is_healthy:
        return f"it did not become healthy: {log.read_text()[-2_000:]}"
    return "" if "Stopping" in log.read_text() else "it did not stop in order"


def try_test(system: System, folder: str, user: str, log: Path) -> str:
    arguments = os.environ.get("ARGS", "").replace("'", "'\\''")
    status = start(system, f"cd '{folder}' && make test ARGS='{arguments}'", user, log).wait()
    text = log.read_text(errors="replace")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
    allowed = [name for name in failed if user != "root" and name.startswith(ALLOWED_WITHOUT_ROOT)]
    print("    " + text.splitlines()[-2 if status else -1].strip("= "), *allowed, sep="\n        ")
    if status and not failed:
        return f"it ended with status {status}: {text[-2_000:]}"
    return ", ".join(name for name in failed if name not in allowed)


def start(system: System, command: str, user: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return system.start(command, user, stdout=file, stderr=file, start_new_session=True)


def wait(is_over: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not is_over() and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [USER, "root"]))
