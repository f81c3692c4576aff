"""A device as a buyer has it: everything that `make run` starts, with databases and a broker of its own behind
a network that can break."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pymongo import MongoClient

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.ports import free_port
from syncapp.embedded.redis import Redis
from syncapp.embedded.tether import tethered
from syncapp.store.conflicts import read_uncopied
from syncapp.store.halts import load_halts
from tests.chaos.mortal import MortalMongod
from tests.support.django_rows import DjangoRows
from tests.support.processes import Process, processes_of, start
from tests.support.raw import EXACT
from tests.support.relay import Relay

DATABASE = "shop"
# Part of the command line of each process that the process manager starts
STARTER = ("sync_run", "embedded/wait.py")  # as it begins, and as it only waits
PROGRAMS = {
    "web": "gunicorn",
    "listener": "sync_listen",
    "worker": "celery -A syncproject worker",
    "beat": "celery -A syncproject beat",
    "flower": "celery -A syncproject flower",
}
LINKS = ("local", "atlas", "broker")
REVIVE_SECONDS = 2.0  # how soon whoever runs `make run` starts it again
SETTINGS = {
    "BIDIRECTIONAL_SYNC_ENABLED": "true",
    "SYNC_INITIAL_CHOICE": "differing=newest:at,only-atlas=pull,only-local=push",
    # What was lost is noticed sooner than by default, so that a run holds more faults
    "CHANGE_STREAM_RECONNECT_INTERVAL": "1000",
    "SYNC_REPORT_TIMEOUT": "10000",
    "SYNC_LEASE_DURATION": "5000",
    "ORIGIN_TRACKING_CLEANUP_INTERVAL": "5000",
}


class ChaosDevice(DjangoRows):
    def __init__(self, number: int, folder: Path, atlas_port: int) -> None:
        self.name = f"device {number}"
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True)
        self.server = MortalMongod(folder / "mongod", f"local{number}")
        self.broker = Redis(folder / "redis")
        self.links = {
            "local": Relay(self.server.port),
            "atlas": Relay(atlas_port),
            "broker": Relay(self.broker.port),
        }
        self.port = free_port()
        self.output = folder / "sync_run.out"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.is_off = False  # on purpose: not to be started again
        self._ended_at = 0.0
        # Not through the relay: applications and the test itself are on the server's side of the network
        self._client = MongoClient(
            self.server.uri(DATABASE), serverSelectionTimeoutMS=5_000, socketTimeoutMS=20_000
        )
        self.local = self._client.get_default_database(codec_options=EXACT)

    # Life

    def start_servers(self) -> None:
        self.server.start()
        self.broker.start()

    def start(self) -> None:
        """`make run`. Who is killed by a fault is started again by `revive`."""
        address = {name: f"mongodb://127.0.0.1:{self.links[name].port}" for name in ("local", "atlas")}
        self.starts += 1
        # Tied to the test: not even a kill -9 of it leaves anything behind
        self.process = start(
            tethered([sys.executable, str(BASE_DIR / "manage.py"), "sync_run"]),
            self.home,
            self.output,
            PORT=str(self.port),
            MONGODB_URI=f"{address['local']}/{DATABASE}?directConnection=true",
            MONGODB_ATLAS_URI=f"{address['atlas']}/{DATABASE}?directConnection=true",
            CELERY_BROKER_URL=f"redis://127.0.0.1:{self.links['broker'].port}/0",
            **SETTINGS,
        )

    def is_up(self) -> bool:
        return self.output.read_text(errors="replace").count("Stop        Ctrl-C") >= 1

    def revive(self) -> None:
        """What systemd does for a service that has ended."""
        if self.is_off or self.process is None or self.process.poll() is None:
            self._ended_at = 0.0
            return
        now = time.monotonic()
        self._ended_at = self._ended_at or now
        if now - self._ended_at > REVIVE_SECONDS:
            self._ended_at = 0.0
            self.start()

    def stop(self, timeout: float = 20) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout)

    def end(self) -> None:
        """Whatever happened, nothing stays."""
        pids = [process.pid for process in processes_of(self.home)]
        if self.process is not None and self.process.poll() is None:
            pids.append(self.process.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.server.kill()
        self.broker.kill()
        for link in self.links.values():
            link.close()
        self._client.close()

    # Processes

    def processes(self) -> dict[str, list[Process]]:
        """By name: what is in PROGRAMS, "worker child", "manager", "starter". Main processes come alone."""
        all_processes = processes_of(self.home)
        managers = [p for p in all_processes if "supervisor.supervisord" in p.command]
        found = {
            "manager": managers,
            "starter": [p for p in all_processes if any(sign in p.command for sign in STARTER)],
        }
        manager_pids = {p.pid for p in managers}
        for name, part in PROGRAMS.items():
            found[name] = [p for p in all_processes if p.parent in manager_pids and part in p.command]
        mains = {p.pid: name for name in ("worker", "web") for p in found[name]}
        for p in all_processes:
            if p.parent in mains:
                found.setdefault(f"{mains[p.parent]} child", []).append(p)
        return found

    # What is there

    def pending(self) -> str:
        """What is not done yet; empty: nothing."""
        try:
            rows = self.rows("SELECT queue_size, waiting_for FROM syncapp_instance")
        except Exception as error:
            return f"Django's database: {error}"
        if not rows:
            return "the listener has not reported yet"
        ((size, waiting_for),) = rows
        if size or waiting_for:
            return f"{size} keys are pending. {waiting_for}".strip()
        for halt in load_halts(self.local):
            return (
                f"halted, though nobody did what halts are for: {halt.kind} {halt.collection}: {halt.detail}"
            )
        left = len(read_uncopied(self.local))
        return f"{left} conflicts are not copied to Django yet" if left else ""

    def seen_at(self) -> str:
        return "".join(str(value) for (value,) in self.rows("SELECT seen_at FROM syncapp_instance"))
