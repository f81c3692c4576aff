"""`make run`, as a person meets it: one command, one block, and nothing left behind.

SYNC_HOME has a space and the characters that configuration files are known to trip over.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from syncapp.conf.home_lock import is_held
from syncapp.embedded.ports import free_port, is_free
from tests.support.eventually import eventually
from tests.support.processes import manage, processes_of, start_manage

pytestmark = pytest.mark.slow
START_TIMEOUT, STOP_TIMEOUT = 90, 10
PAGE_TIMEOUT = 60  # pages step behind, also behind whatever else the machine does


class Running:
    """A `sync_run` in a SYNC_HOME of its own."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home, self.port = home, free_port()
        self.output = home.parent / f"{home.name}.out"
        self.process = start_manage(
            "sync_run", home=home, output=self.output, PORT=str(self.port), **settings
        )

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def wait_for_the_block(self) -> None:
        def block_or_end() -> bool:
            assert self.process.poll() is None, self.printed
            return "Stop        Ctrl-C" in self.printed

        eventually(block_or_end, "the block was printed", START_TIMEOUT)

    def check_healthy(self) -> None:
        """It says that it is, or is so later: on a machine that does other work that takes longer than it waits for it."""
        if "Sync is healthy" not in self.printed:
            eventually(self.is_healthy, f"healthy after {self.printed}", 60, every=0.5)

    def is_healthy(self) -> bool:
        try:
            return bool(self.get("/api/sync/bidirectional/health")["health"] == "healthy")
        except OSError:
            return False

    def get(self, path: str, **headers: str) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=PAGE_TIMEOUT) as answer:
            return json.load(answer)

    def databases(self) -> list[str]:
        return re.findall(r"(mongodb://\S+)", self.printed)

    def manager(self) -> int:
        return next(p.pid for p in processes_of(self.home) if "supervisor.supervisord" in p.command)

    def process_named(self, part: str) -> int | None:
        """The process manager's own child whose command has this part."""
        manager = self.manager()
        ours = (p for p in processes_of(self.home) if p.parent == manager and part in p.command)
        return next((p.pid for p in ours), None)

    def ports(self) -> list[int]:
        return list(json.loads((self.home / "ports.json").read_text()).values())

    def wait_until_nothing_is_left(self) -> None:
        eventually(lambda: not processes_of(self.home), "no process is left", STOP_TIMEOUT + 5, every=0.2)
        assert [port for port in self.ports() if not is_free(port)] == []
        assert not is_held(self.home)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds that the stop took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(STOP_TIMEOUT + 5)
        return time.monotonic() - began

    def clean_up(self) -> None:
        for pid in [self.process.pid, *(p.pid for p in processes_of(self.home))]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("run") / "a home; 100% #mine"
    made = Running(home)
    try:
        made.wait_for_the_block()
        yield made
    finally:
        made.clean_up()


def test_it_is_healthy_and_says_where_everything_is(running: Running) -> None:
    running.check_healthy()
    for path in ("/admin/", "/api/docs/", "/flower/"):
        assert f"http://localhost:{running.port}{path}" in running.printed
    assert len(running.databases()) == 2
    eventually(running.is_healthy, "health says so, too", 30)


def test_the_printed_login_works(running: Running) -> None:
    user, password = re.findall(r"Login +(\S+) +(\S+)", running.printed)[0]
    body = json.dumps({"username": user, "password": password}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/api/token/", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PAGE_TIMEOUT) as answer:
        assert json.load(answer)["token"]
    assert (running.home / "admin_password").stat().st_mode & 0o077 == 0


def test_sample_traffic_moves_both_ways(running: Running) -> None:
    local, atlas = running.databases()
    with MongoClient(local) as here, MongoClient(atlas) as there:

        def seen(client: MongoClient[dict[str, Any]], channel: str) -> int:
            return client["shop"]["orders"].count_documents({"channel": channel})

        eventually(
            lambda: seen(here, "online") and seen(there, "till"), "orders arrived on the other side", 60
        )
        eventually(lambda: there["shop"]["tables"].count_documents({}) == 12, "the tables arrived on Atlas")
        eventually(
            lambda: here["shop"]["menuitems"].count_documents({}) == 16, "the menu arrived at the shop"
        )
        assert here["shop"]["sessions"].count_documents({"channel": "online"}) == 0, "sessions are not pulled"


def test_a_second_one_in_the_same_home_is_told_so(running: Running) -> None:
    done = manage("sync_run", home=running.home, PORT=str(free_port()))
    assert done.returncode == 1
    assert (
        done.stderr
        == f"Isthmus is running already in SYNC_HOME {running.home}; set another SYNC_HOME and PORT\n"
    )


def test_a_second_one_on_the_same_port_is_told_so(running: Running, tmp_path: Path) -> None:
    done = manage("sync_run", home=tmp_path, PORT=str(running.port))
    assert done.returncode == 1
    assert done.stderr == (
        f"PORT is {running.port}, where another program listens already: stop it, or set another PORT\n"
    )
    assert not is_held(tmp_path)


def test_commands_in_another_terminal_reach_its_servers(running: Running) -> None:
    settings = dict.fromkeys(("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL"))
    code = (
        "from syncapp.conf.settings import get_settings as s; print(s().mongodb_uri, s().mongodb_atlas_uri)"
    )
    environment = {
        **os.environ,
        "SYNC_HOME": str(running.home),
        "DJANGO_SETTINGS_MODULE": "syncproject.settings",
    }
    for name in settings:
        environment.pop(name)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == running.databases()


@pytest.mark.parametrize(
    "name", ["sync_listen", "celery -A syncproject worker", "gunicorn", "valkey", "mongod-local"]
)
def test_what_is_killed_comes_back(running: Running, name: str) -> None:
    killed = running.process_named(name)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: running.process_named(name) not in {killed, None}, f"{name} runs again", 30, every=0.2)


def test_all_is_well_again_after_that(running: Running) -> None:
    eventually(running.is_healthy, "healthy again", 60, every=0.5)


def test_a_stop_takes_less_than_ten_seconds_and_leaves_nothing(running: Running) -> None:
    assert running.stop() < STOP_TIMEOUT
    assert running.process.returncode == 0
    assert processes_of(running.home) == []
    running.wait_until_nothing_is_left()
    left = {path.name for path in running.home.iterdir()}
    assert left.isdisjoint({"run.lock", "running.json", "supervisor.sock"})


@pytest.mark.timeout(300)
def test_nothing_is_left_after_kill_9_and_the_next_start_works(tmp_path: Path) -> None:
    # Deep: the path of a socket may have 108 characters at most
    home = tmp_path / ("deep" * 20) / "home"
    home.parent.mkdir()
    for victim in ("manager", "starter", ""):
        run = Running(home)
        try:
            run.wait_for_the_block()
            run.check_healthy()
            if victim:
                os.kill(run.manager() if victim == "manager" else run.process.pid, signal.SIGKILL)
                assert run.process.wait(STOP_TIMEOUT + 5) != 0, victim
            else:
                assert run.stop(signal.SIGINT) < STOP_TIMEOUT
            run.wait_until_nothing_is_left()
            run.output.unlink()  # the next one writes into the same file
        finally:
            run.clean_up()


def test_with_databases_of_ones_own_there_is_no_demo_and_sync_is_one_way(
    tmp_path: Path, local_server: Any, atlas_server: Any, local_db: Any, atlas_db: Any
) -> None:
    run = Running(
        tmp_path / "own",
        MONGODB_URI=local_server.uri(local_db.name),
        MONGODB_ATLAS_URI=atlas_server.uri(atlas_db.name),
        DJANGO_SUPERUSER_USERNAME="boss",
        DJANGO_SUPERUSER_PASSWORD="a password of mine",
    )
    try:
        run.wait_for_the_block()
        assert "Sync is one-way (local to Atlas)." in run.printed
        assert "BIDIRECTIONAL_SYNC_ENABLED=true" in run.printed
        assert "a password of mine" not in run.printed
        assert run.get("/api/sync/bidirectional/health")["enabled"] is False
        commands = " ".join(p.command for p in processes_of(run.home))
        assert "mongod" not in commands
        assert "sync_demo" not in commands
        local_db["things"].insert_one({"_id": 1})
        eventually(lambda: atlas_db["things"].count_documents({}) == 1, "the push arrived", 30)
        assert run.stop() < STOP_TIMEOUT
        run.wait_until_nothing_is_left()
    finally:
        run.clean_up()


def a_mongod(folder: Path, script: str) -> str:
    """A PATH on which this comes first."""
    folder.mkdir()
    program = folder / "mongod"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_a_server_that_does_not_start_says_why_on_the_screen(tmp_path: Path) -> None:
    path = a_mongod(tmp_path / "bin", "echo 'this disk is not what it was' >&2; exit 3")
    run = Running(tmp_path / "home", PATH=path)
    try:
        assert run.process.wait(START_TIMEOUT) == 1
        assert run.printed.endswith(
            "\nlocal did not start: this disk is not what it was\n"
            f"More is in {run.home / 'logs' / 'local.log'}\n"
        )
        run.wait_until_nothing_is_left()
    finally:
        run.clean_up()


def test_a_server_that_ends_without_a_word_is_named_with_how_it_ended(tmp_path: Path) -> None:
    # As a processor does with instructions that it does not know
    run = Running(tmp_path / "home", PATH=a_mongod(tmp_path / "bin", "kill -ILL $$"))
    try:
        assert run.process.wait(START_TIMEOUT) == 1
        assert "local did not start: local (terminated by SIGILL" in run.printed
        assert "need a processor with AVX" in run.printed
    finally:
        run.clean_up()


def test_a_server_whose_libraries_are_missing_is_not_even_started(tmp_path: Path) -> None:
    path = a_mongod(tmp_path / "bin", "")
    program = tmp_path / "bin" / "mongod"
    program.write_bytes(Path("/bin/true").read_bytes().replace(b"libc.so.6", b"libq.so.6"))
    done = manage("sync_run", home=tmp_path / "home", PATH=path, PORT=str(free_port()))
    assert done.returncode == 1
    assert "mongod cannot start: it needs libq.so.6" in done.stderr
    assert "apt-get install libq6" in done.stderr
    assert len(done.stderr.splitlines()) == 1
