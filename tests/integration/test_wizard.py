"""`sync_wizard` as a person meets it: at a terminal, on two real servers, to a product that starts with its `.env`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from syncapp.conf.env_lines import values_of
from syncapp.conf.settings import BASE_DIR, SETTINGS
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.ports import free_port
from tests.support.eventually import eventually
from tests.support.person import Person
from tests.support.processes import processes_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DEAD = "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=500"


@dataclass
class Fresh:
    """The product in a folder of its own, and two databases."""

    folder: Path
    local: Database[dict[str, Any]]
    atlas: Database[dict[str, Any]]
    uris: tuple[str, str]

    @property
    def env(self) -> Path:
        return self.folder / ".env"

    @property
    def home(self) -> Path:
        return self.folder / ".sync"

    @property
    def environment(self) -> dict[str, str]:
        """Without any setting: only `.env` counts."""
        ours = {setting.name for setting in SETTINGS}
        ours |= {f"{name}_FILE" for name in ours} | {"DJANGO_SETTINGS_MODULE"}
        return {name: value for name, value in os.environ.items() if name not in ours}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]

    def person(self, *arguments: str) -> Person:
        return Person(self.command("sync_wizard", *arguments), self.folder, self.environment)

    def run(self, *arguments: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@pytest.fixture
def fresh(tmp_path: Path, local_server: Mongod, atlas_server: Mongod) -> Iterator[Fresh]:
    folder = tmp_path / "isthmus"
    folder.mkdir()
    for name in ("syncapp", "syncproject", "monitoring"):
        shutil.copytree(BASE_DIR / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(BASE_DIR / "manage.py", folder)
    name = f"shop_{uuid.uuid4().hex[:8]}"
    uris = local_server.uri(name), atlas_server.uri(name)
    with MongoClient[dict[str, Any]](uris[0]) as here, MongoClient[dict[str, Any]](uris[1]) as there:
        yield Fresh(folder, here[name], there[name], uris)


def write_data(fresh: Fresh) -> None:
    fresh.local["orders"].insert_many([{"_id": number} for number in range(30)])
    fresh.local["carts"].insert_one({"_id": 1})
    fresh.local["carts"].create_index("at", expireAfterSeconds=7_200)


def test_from_two_servers_to_a_product_that_starts(fresh: Fresh) -> None:
    write_data(fresh)
    port = free_port()
    fresh.env.write_text(f"# mine\nPORT={port}\n")
    with fresh.person() as person:
        person.reads("Address of the local MongoDB")
        person.types("localhost")
        person.reads("allowed: mongodb://host:port/database")
        person.types(fresh.uris[0])
        person.reads("The local MongoDB is a replica set")
        person.reads("Address of MongoDB Atlas")
        person.types(DEAD)
        person.reads("Atlas cannot be reached")
        person.reads("Enter to try the same again")
        person.types(fresh.uris[0])
        person.reads("MONGODB_ATLAS_URI names the same database")
        person.types(fresh.uris[1])
        person.reads("The first run copies 31 documents to Atlas, and asks nothing")
        person.reads("carts proposed to be excluded: its documents expire (a TTL index, 2 hours)")
        person.reads("[sessions,logs,notifications,carts]: ")
        person.types("")
        person.reads(".env is written")
        person.reads("Sync starts one-way")
        person.reads("make run")
        person.reads("sync_status")
        person.reads("sync_toggle on")
        assert person.leaves() == 0
    assert fresh.env.read_text().startswith(f"# mine\nPORT={port}\n")
    assert fresh.env.stat().st_mode & 0o777 == 0o600
    assert values_of(fresh.env.read_text()) == {
        "PORT": str(port),
        "MONGODB_URI": fresh.uris[0],
        "MONGODB_ATLAS_URI": fresh.uris[1],
        "BIDIRECTIONAL_SYNC_ENABLED": "false",
        "BIDIRECTIONAL_EXCLUDED_COLLECTIONS": "sessions,logs,notifications,carts",
    }
    assert fresh.atlas.list_collection_names() == [], "nothing was written to Atlas"
    _starts_one_way(fresh)


def _starts_one_way(fresh: Fresh) -> None:
    output = fresh.folder / "run.out"
    with output.open("wb") as file:
        running = subprocess.Popen(
            fresh.command("sync_run"),
            cwd=fresh.folder,
            env=fresh.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        eventually(lambda: "Sync is one-way" in output.read_text(), "it has started", 120, every=0.2)
        assert "Sync is healthy" in output.read_text(), output.read_text()
        eventually(lambda: fresh.atlas["orders"].count_documents({}) == 30, "orders have arrived", 30)
        with fresh.person("--yes") as person:
            person.reads("The first run of this local database is done")
            person.reads(".env stays as it was")
            person.reads("Two-way sync is disabled")
            person.reads("Isthmus is running: stop it")
            assert person.leaves() == 0
        assert fresh.run("sync_toggle", "on").returncode == 0
        done = fresh.run("sync_wizard", "--json")
        assert "sync_toggle off" in " ".join(json.loads(done.stdout)["notes"]), (
            "the line alone would do nothing"
        )
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()
        for process in _left(fresh):
            os.kill(process, signal.SIGKILL)


def _left(fresh: Fresh) -> list[int]:
    """The product was not told its SYNC_HOME, but works in the folder."""
    return [one.pid for one in processes_of(fresh.folder)]


def test_without_questions_and_a_second_time(fresh: Fresh) -> None:
    write_data(fresh)
    fresh.atlas["orders"].insert_one({"_id": 1, "total": 1})
    fresh.atlas["sessions"].insert_one({"_id": 1})
    fresh.local["sessions"].insert_one({"_id": 1, "user": 2})
    local, atlas = fresh.uris
    done = fresh.run("sync_wizard", "--yes", "--local-uri", local)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "--atlas-uri is missing" in done.stderr
    assert not fresh.env.exists()

    done = fresh.run("sync_wizard", "--json", "--local-uri", local, "--atlas-uri", atlas)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["written"] is True
    assert found["firstRun"]["total"] == {"equal": 0, "different": 2, "onlyLocal": 30, "onlyAtlas": 0}
    assert [one["collection"] for one in found["suggestions"]] == ["carts"]
    assert any("sessions is excluded, and its sides differ in 1 document" in note for note in found["notes"])
    assert "sync_initial" in found["next"][1]

    done = fresh.run("sync_wizard", "--yes", "--exclude", "-")
    assert done.returncode == 0, done.stderr
    values = values_of(fresh.env.read_text())
    assert values["BIDIRECTIONAL_EXCLUDED_COLLECTIONS"] == "_sync_metadata", "nothing"
    assert values["MONGODB_ATLAS_URI"] == atlas
    for side in (fresh.local, fresh.atlas):
        assert not [name for name in side.list_collection_names() if name.startswith("_sync_")]


def test_ctrl_c_and_an_ended_input_leave_everything_as_it_was(fresh: Fresh) -> None:
    fresh.env.write_text("PORT=5001\n")
    with fresh.person("--local-uri", fresh.uris[0]) as person:
        person.reads("Address of MongoDB Atlas")
        person.presses_ctrl_c()
        assert person.leaves() == 130
        assert "Nothing was written" in person.screen
    done = fresh.run("sync_wizard")
    assert done.returncode == 1
    assert "--yes where nobody can be asked" in done.stderr
    assert fresh.env.read_text() == "PORT=5001\n"
    assert sorted(path.name for path in fresh.folder.glob(".env*")) == [".env"]


def test_ctrl_c_before_anything_is_loaded_ends_it_silently(fresh: Fresh) -> None:
    command = [sys.executable, "-X", "importtime", *fresh.command("sync_wizard")[1:]]
    with subprocess.Popen(
        command, cwd=fresh.folder, env=fresh.environment, stderr=subprocess.PIPE, text=True
    ) as loading:
        assert loading.stderr is not None
        assert any("bson" in line for line in loading.stderr), "it has not begun to load the driver"
        loading.send_signal(signal.SIGINT)
        rest = loading.stderr.read()
    assert loading.returncode == 130
    assert not [line for line in rest.splitlines() if not line.startswith("import time:")]


def test_where_the_environment_wins_it_says_so(fresh: Fresh) -> None:
    done = subprocess.run(
        fresh.command("sync_wizard", "--yes"),
        cwd=fresh.folder,
        env={**fresh.environment, "MONGODB_URI": fresh.uris[0]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "MONGODB_URI is set in the environment, which wins over .env" in done.stderr
    assert not fresh.env.exists()
