"""Supervisor (from PyPI) with our own configuration: it restarts exited processes, and stops in order."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.last_words import last_words, size
from syncapp.embedded.tether import tethered

SERVERS, APP = "servers", "app"
LONGEST_SOCKET_PATH = 95  # the kernel's limit is 108, and Supervisor adds a process id while it binds


@dataclass(frozen=True)
class Supervised:
    name: str
    group: str
    command: list[str]
    stop_seconds: int = 3
    orphan_signal: Signals = SIGTERM


def socket_path(home: Path) -> Path:
    path = home / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"isthmus-{os.getuid()}-{digest}.sock"


class Supervisor:
    """Supervisor and its processes."""

    def __init__(self, home: Path, programs: list[Supervised]) -> None:
        self.home, self.programs = home, programs
        self.logs = home / "logs"
        self.process: subprocess.Popen[bytes] | None = None
        self._log_sizes: dict[str, int] = {}  # at the start

    def start(self, environment: Mapping[str, str], lock: int) -> None:
        """Start it, and with it the group of servers. `lock` is a file descriptor that it keeps open."""
        self.logs.mkdir(parents=True, exist_ok=True)
        socket_path(self.home).unlink(missing_ok=True)
        names = ["supervisord", *(program.name for program in self.programs)]
        self._log_sizes = {name: size(self.log(name)) for name in names}
        config = self.home / "supervisord.conf"
        config.write_text(configuration(self.programs))
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "--nodaemon",
            "--configuration",
            str(config),
        ]
        with (self.logs / "supervisord.err").open("wb") as errors:
            self.process = subprocess.Popen(
                tethered(command),
                env={**environment, **variables(self.home, self.programs)},
                cwd=self.logs,  # its log files are named relative to it: Supervisor expands a % in them twice
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C reaches only this process, which stops it in order
            )

    @property
    def pid(self) -> int:
        """0: it was not started."""
        return self.process.pid if self.process is not None else 0

    @property
    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def call(self, method: str, *arguments: Any) -> Any:
        """One call of Supervisor's XML-RPC. Raises OSError while it does not answer."""
        transport = SupervisorTransport("", "", f"unix://{socket_path(self.home)}")
        with ServerProxy("http://supervisor", transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def ends_again(self, name: str) -> bool:
        """Has this program exited right after its start, and waits for a restart?"""
        if name not in self._log_sizes:
            return False
        try:
            state = self.call("getProcessInfo", self._full_name(name))["statename"]
        except (OSError, Fault):
            return False
        return state in {"BACKOFF", "FATAL"}

    def why(self, name: str) -> str:
        """The program's last output since the start, or its exit as logged by Supervisor."""
        if self.has_ended and (words := last_words(self.logs / "supervisord.err")):
            return words
        own_words = last_words(self.log(name), self._log_sizes.get(name, 0))
        seen = last_words(self.log("supervisord"), self._log_sizes["supervisord"], count=200).splitlines()
        ends = [line.partition(" exited: ")[2] for line in seen if f" exited: {name} " in line]
        return own_words or next(reversed(ends), "no output")

    def _full_name(self, name: str) -> str:
        return next(f"{program.group}:{name}" for program in self.programs if program.name == name)


def variables(home: Path, programs: list[Supervised]) -> dict[str, str]:
    """Paths and commands are passed in the environment, where a space, % or # is harmless."""
    return {
        "ISTHMUS_ROOT": str(BASE_DIR),
        "ISTHMUS_SOCKET": str(socket_path(home)),
        **{_variable(p): shlex.join(tethered(p.command, p.orphan_signal)) for p in programs},
    }


def configuration(programs: list[Supervised]) -> str:
    sections = [_HEAD]
    for priority, group in enumerate((SERVERS, APP), start=1):
        members = [program for program in programs if program.group == group]
        if members:
            names = ",".join(member.name for member in members)
            sections.append(f"[group:{group}]\nprograms={names}\npriority={priority}\n")
            sections += [_section(member) for member in members]
    return "\n".join(sections)


def _variable(program: Supervised) -> str:
    return f"ISTHMUS_COMMAND_{program.name.upper()}"


_HEAD = """\
; Written at each start.
[supervisord]
logfile=supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=supervisord.pid
silent=true
nocleanup=true

[unix_http_server]
file=%(ENV_ISTHMUS_SOCKET)s
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(program: Supervised) -> str:
    # startretries: never give up. startsecs: an earlier exit increases the delay of the restart
    return f"""\
[program:{program.name}]
command=%(ENV_{_variable(program)})s
directory=%(ENV_ISTHMUS_ROOT)s
autostart={"true" if program.group == SERVERS else "false"}
autorestart=true
startsecs=5
startretries=1000000
stopsignal=TERM
stopwaitsecs={program.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={program.name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=1
"""
