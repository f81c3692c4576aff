"""A device as an operator has it: a SYNC_HOME, two databases, a broker, and real processes that can be
started, stopped, frozen and killed.

    device.start()                       # listener and worker, ready
    device.local["orders"].insert_one(…)
    device.wait_until_equal()            # both databases, as raw bytes
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from syncapp.embedded.programs import PROGRAMS
from syncapp.embedded.tether import tethered
from tests.support import forked, processes
from tests.support.console import Console
from tests.support.django_rows import DjangoRows
from tests.support.eventually import eventually
from tests.support.raw import EXACT, contents, difference

Document = dict[str, Any]
QUEUES = "atlas_to_local,local_to_atlas,maintenance"
YOUNG_SECONDS = 10.0  # Celery was seen to hang when it was told to end half a second after its start
# What makes the tests quick: a stand-by takes over soon, lost tasks are noticed soon
QUICK = {
    "SYNC_LEASE_DURATION": "2000",
    "SYNC_REPORT_TIMEOUT": "5000",
    "CHANGE_STREAM_RECONNECT_INTERVAL": "200",
    "BIDIRECTIONAL_SYNC_ENABLED": "true",
}


@dataclass(frozen=True)
class Addresses:
    local: str
    atlas: str
    broker: str

    @property
    def settings(self) -> dict[str, str]:
        return {
            "MONGODB_URI": self.local,
            "MONGODB_ATLAS_URI": self.atlas,
            "CELERY_BROKER_URL": self.broker,
        }


class Device(DjangoRows):
    def __init__(self, home: Path, addresses: Addresses, template: Path, **settings: str) -> None:
        """`template`: a SYNC_HOME that was migrated already; copying it is quicker."""
        self._template = template
        self.keep_running = False  # start again what ends by itself, as a process manager does
        self.forks = True  # its processes do not import libraries for themselves (`forked.py`)
        self.worker_options: tuple[str, ...] = ()
        self.is_spoiled = False  # a test that failed left it as it is
        self.repair: Callable[[], None] = self.end  # for who shares it; `Workshop.running` knows how
        self._begin(home, {**QUICK, **addresses.settings, **settings})

    def _begin(self, home: Path, settings: dict[str, str]) -> None:
        self.home, self.settings = home, settings
        shutil.copytree(self._template, home)
        self._clients = [
            MongoClient[Document](settings[name], serverSelectionTimeoutMS=20_000)
            for name in ("MONGODB_URI", "MONGODB_ATLAS_URI")
        ]
        self.local, self.atlas = (
            client.get_default_database(codec_options=EXACT) for client in self._clients
        )
        self._running: dict[str, subprocess.Popen[bytes] | forked.Forked] = {}
        self._launched: dict[str, float] = {}
        self._console: Console | None = None

    def begin_anew(self, addresses: Addresses, **settings: str) -> None:
        """With nothing of what was: other databases, another SYNC_HOME, no process that runs."""
        self.end()
        home = self.home.with_name(f"{self.home.name} anew")
        self._begin(home, {**self.settings, **addresses.settings, **settings})

    # Life

    def start(self) -> None:
        """Start listener and worker, and wait until both are at work."""
        self.launch("listener", "worker")
        self.wait_until_ready()

    def launch(self, *names: str) -> None:
        """Start these processes ("listener", "listener-2", "worker", "web", "beat") without waiting for them."""
        for name in names:
            assert name not in self._running, f"{name} runs already"
            self._mark_log(name)
            self._launched[name] = time.monotonic()
            self._running[name] = self._start(self._command(name), self.log(name))

    def _start(self, command: list[str], output: Path) -> subprocess.Popen[bytes] | forked.Forked:
        if self.forks and command[0] == sys.executable:
            environment = processes.environment(self.home, **self.settings)
            return forked.Forked(command[1:], environment, processes.BASE_DIR, output)
        return processes.start(tethered(command), self.home, output, **self.settings)

    def manage(
        self, *arguments: str, timeout: float = 60, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with these arguments to its end, in this device's environment."""
        return processes.manage(*arguments, home=self.home, timeout=timeout, **{**self.settings, **settings})

    def start_manage(self, *arguments: str, output: Path) -> forked.Forked:
        """Start `manage.py` with these arguments and go on."""
        environment = processes.environment(self.home, **self.settings)
        return forked.Forked(
            [str(processes.BASE_DIR / "manage.py"), *arguments], environment, processes.BASE_DIR, output
        )

    def _command(self, name: str) -> list[str]:
        if name.startswith("worker"):
            command = [sys.executable, "-m", "celery", "--app=syncproject", "worker", "-Q", QUEUES]
            command += ["-E", "--without-gossip", "--without-mingle", "-n", f"{name}@{self.home.name}"]
            return [*command, *self.worker_options]
        if name.startswith("listener"):
            return [sys.executable, "-m", "django", "sync_listen"]
        return next(program.command for program in PROGRAMS if program.name == name)

    def wait_until_ready(self, timeout: float = 30) -> None:
        for name in list(self._running):
            if name.startswith("worker"):
                self.wait_for_line(name, " ready.", timeout)
            elif name.startswith("listener"):
                self.wait_for_line(name, "Local Change Stream started successfully", timeout)
                if self.settings["BIDIRECTIONAL_SYNC_ENABLED"] == "true":
                    self.wait_for_line(name, "Atlas Change Stream started successfully", timeout)

    def stop(self, *names: str) -> None:
        """SIGTERM, and wait until they have ended by themselves."""
        chosen = names or tuple(self._running)
        young = [name for name in chosen if time.monotonic() - self._launched[name] < YOUNG_SECONDS]
        for name in chosen:
            self._running[name].terminate()
        for name in chosen:
            try:
                status = self._running[name].wait(20)
            except subprocess.TimeoutExpired:
                if name not in young or not name.startswith("worker"):
                    raise
                print(f"{name} did not end within 20 s: killed, as a process manager does")
                self.kill(name)
                continue
            del self._running[name]
            assert status == 0, f"{name} ended with {status}\n{self.tail(name)}"

    def kill(self, name: str, *, group: bool = True) -> None:
        """End a process as a power failure would. `group`: its children too."""
        process = self._running.pop(name)
        if group:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()

    def kill_child(self, name: str = "worker") -> int:
        """SIGKILL to one of the worker's processes that apply. Returns its id."""
        child = self.children(name)[-1]
        os.kill(child, signal.SIGKILL)
        return child

    def signal(self, name: str, number: int) -> None:
        self._running[name].send_signal(number)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def children(self, name: str = "worker") -> list[int]:
        pid = self._running[name].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def is_running(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def revive(self) -> None:
        for name, process in list(self._running.items()):
            if self.keep_running and process.poll() is not None:
                print(f"{name} ended with {process.returncode} and is started again: {self.tail(name, 1)}")
                del self._running[name]
                self.launch(name)

    def end(self) -> None:
        """Kill whatever is left. The databases stay: dropping one waits for a killed worker's transaction."""
        if self._console is not None:
            self._console.close()
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for client in self._clients:
            client.close()

    @property
    def console(self) -> Console:
        """Django in this device's environment, as its web process has it."""
        if self._console is None:
            self._console = Console(self.home, self.settings)
        return self._console

    def copy_left_conflicts(self) -> None:
        """What beat does, which does not run here: a worker that was killed after its decision left them."""
        self.console.run("from syncapp.services.conflicts import copy_left_conflicts\ncopy_left_conflicts()")

    # Logs

    def log(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def tail(self, name: str, lines: int = 30) -> str:
        try:
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def tails(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{self.tail(path.stem)}" for path in sorted(self.home.glob("*.log"))
        )

    def _mark_log(self, name: str) -> None:
        with self.log(name).open("a") as file:
            file.write("=== start\n")

    def lines(self, name: str) -> str:
        """What a process wrote since it was started last."""
        return self.log(name).read_text(errors="replace").rpartition("=== start\n")[2]

    def wait_for_line(self, name: str, text: str, timeout: float = 20, times: int = 1) -> None:
        """Until the process has written this so many times since it was started."""

        def written() -> bool:
            assert self.is_running(name), f"{name} ended\n{self.tail(name)}"
            return self.lines(name).count(text) >= times

        eventually(written, f"{name} says {text!r}", timeout)

    # What is there

    def difference(self, without: Collection[str] = ()) -> str:
        return difference(contents(self.local, without), contents(self.atlas, without))

    def wait_until_equal(self, timeout: float = 30, without: Collection[str] = ()) -> None:
        deadline = time.monotonic() + timeout
        while True:
            began = time.monotonic()
            text = self.difference(without)
            if not text:
                return
            self.revive()
            assert time.monotonic() < deadline, f"after {timeout} s local and Atlas differ: {text}"
            # Reading everything takes the processor from those that write
            time.sleep(max(0.05, time.monotonic() - began))

    def wait_until_idle(self, timeout: float = 30) -> None:
        """No comparison runs, and the listener has said twice that nothing is pending. With each time it
        writes the figures too."""
        quiet: set[str] = set()

        def idle() -> bool:
            if self.local["_sync_runs"].count_documents({"state": {"$in": ["waiting", "running"]}}):
                quiet.clear()
                return False
            for pending, seen_at in self.rows("SELECT queue_size, seen_at FROM syncapp_instance"):
                if pending:
                    quiet.clear()
                else:
                    quiet.add(seen_at)
            return len(quiet) > 2  # the first may be from before

        eventually(idle, "the device is idle", timeout, every=0.1)

    def wait_until_settled(self, timeout: float = 60, without: Collection[str] = ()) -> None:
        """Equal, idle, and still equal."""
        self.wait_until_equal(timeout, without)
        self.wait_until_idle(timeout)
        self.wait_until_equal(2, without)

    @property
    def instance_id(self) -> str:
        found = self.local["_sync_metadata"].find_one({"_id": "instance"})
        assert found is not None
        return str(found["instanceId"])


def databases(device: Device) -> dict[str, Database[Document]]:
    return {"local": device.local, "atlas": device.atlas}
