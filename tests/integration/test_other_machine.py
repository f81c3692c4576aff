"""A worker of another machine: another host name, another folder of the program, another SYNC_HOME, and no other worker.
What it shares with the device are the settings: both databases, the broker, and Django's database (PostgreSQL)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import join

import pytest

from syncapp.conf.settings import BASE_DIR
from tests.integration.conftest import MakeDevice
from tests.support.device import QUEUES, Device
from tests.support.eventually import eventually
from tests.support.postgres import Postgres
from tests.support.processes import environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
NAME = "another-machine"
# As root, or as root of a user namespace of one's own
RENAMED = (["unshare", "--uts"], ["unshare", "--map-root-user", "--uts"])


def other_host(command: list[str]) -> list[str]:
    """The command on a host of this name (Linux)."""
    for prefix in RENAMED:
        whole = [*prefix, "sh", "-c", f"hostname {NAME} && exec {join(command)}"]
        if (
            subprocess.run([*whole[:-1], f"hostname {NAME}"], capture_output=True, check=False).returncode
            == 0
        ):
            return whole
    pytest.skip(
        "this system lets nobody have another host name (unshare --uts): it needs root or user namespaces"
    )


@contextmanager
def worker_elsewhere(device: Device, folder: Path) -> Iterator[Path]:
    """Its log."""
    program = folder / "the program"
    for name in ("syncapp", "syncproject", "monitoring"):
        shutil.copytree(BASE_DIR / name, program / name, ignore=shutil.ignore_patterns("__pycache__"))
    told = environment(folder / "home of its own", **device.settings)
    # Nothing of the device's own folder: neither its files nor its program
    told["PYTHONPATH"] = ""
    command = [sys.executable, "-m", "celery", "-A", "syncproject", "worker", "-Q", QUEUES]
    log = folder / "worker.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            other_host(command), cwd=program, env=told, stdin=subprocess.DEVNULL,
            stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        eventually(lambda: " ready." in log.read_text(), "the worker is ready", 60)
        yield log
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_documents_conflicts_and_rejections_pass_through_a_worker_elsewhere(
    make_device: MakeDevice, postgres_server: Postgres, tmp_path: Path
) -> None:
    device = make_device(DATABASE_URL=postgres_server.create_database())
    assert device.manage("migrate", "--verbosity", "0").returncode == 0
    device.launch("listener")
    with worker_elsewhere(device, tmp_path / "elsewhere") as log:
        device.wait_until_ready(60)
        device.local["orders"].insert_many([{"_id": number} for number in range(200)])
        device.atlas["bills"].insert_many([{"_id": number} for number in range(200)])
        device.wait_until_equal(60)
        assert f"celery@{NAME} ready." in log.read_text()

        device.atlas["orders"].create_index("place", unique=True, sparse=True)
        device.atlas["orders"].update_one({"_id": 1}, {"$set": {"place": "window"}})
        device.wait_until_settled(60)
        device.local["orders"].insert_one({"_id": "twice", "place": "window"})
        # Written by the worker, into the database that the device's web process reads
        eventually(lambda: len(device.rejected()) == 1, "the refused document is listed", 60)
    assert not (device.home / "logs" / "worker.log").exists()
