"""The processes of the product: the one list for `make run`, the Procfile and docker/compose.yml."""

from __future__ import annotations

import shlex
import signal
import sys
from dataclasses import dataclass, replace

QUEUES = "atlas_to_local,local_to_atlas,maintenance"


@dataclass(frozen=True)
class Program:
    """`arguments` follow the Python executable: independent of a script's shebang line."""

    name: str
    arguments: tuple[str, ...]
    purpose: str
    stop_seconds: int = 3  # time to stop before it is killed
    orphan_signal: signal.Signals = signal.SIGTERM  # sent when its process manager was killed

    @property
    def command(self) -> list[str]:
        return [sys.executable, *self.arguments]

    @property
    def shell_line(self) -> str:
        """As in the Procfile and in compose.yml."""
        return shlex.join(["python", *self.arguments])


_CELERY = ("-m", "celery", "-A", "syncproject")
# Events by which Flower knows that a worker is there; Celery sends one every two seconds by itself
HEARTBEAT = ("--heartbeat-interval=10",)

LEAN_WORKER = ("-m", "syncproject.lean", "worker")
WITHOUT_DOCSTRINGS = ("-OO",)  # 5 to 10 MB a process, most of them Redis's client's

PROGRAMS = (
    Program(
        "web",
        ("-m", "gunicorn", "--config", "python:syncproject.gunicorn", "syncproject.wsgi"),
        "API, admin and dashboard",
    ),
    Program(
        "listener",
        ("manage.py", "sync_listen"),
        "reads both change streams and dispatches changes",
        stop_seconds=5,
    ),
    Program(
        "worker",
        (*_CELERY, "worker", "-Q", QUEUES, "--without-gossip", "--without-mingle", *HEARTBEAT),
        "applies changes",
        stop_seconds=5,
        orphan_signal=signal.SIGQUIT,  # at once: without the servers a task would wait too long
    ),
    Program(
        "beat",
        # Exactly one. No schedule file: the periods are in Django's database
        (*_CELERY, "beat", "--pidfile="),
        "sends periodic tasks",
    ),
    Program("flower", (*_CELERY, "flower"), "shows tasks and workers"),
)

IN_OTHERS = (
    "beat",
    "flower",
)  # in the small profile: the listener replaces the first, the second does not run


def programs(is_small: bool) -> tuple[Program, ...]:
    """Of a profile (SYNC_PROFILE)."""
    if not is_small:
        return PROGRAMS
    return tuple(_in_little_memory(program) for program in PROGRAMS if program.name not in IN_OTHERS)


def _in_little_memory(program: Program) -> Program:
    if program.name == "web":
        return program  # it shows docstrings: the API's descriptions
    arguments = LEAN_WORKER if program.name == "worker" else program.arguments
    return replace(program, arguments=(*WITHOUT_DOCSTRINGS, *arguments))


DEMO = Program("demo", ("manage.py", "sync_demo"), "sample traffic on both sides")
SETUP = Program(
    "setup", ("manage.py", "sync_setup"), "migrates, collects static files, creates the admin user"
)
