"""The servers that `make run` and all tests stand on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pymongo import MongoClient

from syncapp.embedded.mongod import Mongod
from syncapp.embedded.ports import free_port, is_free
from syncapp.embedded.redis import Redis
from syncapp.embedded.server import ServerFailed
from tests.support.eventually import eventually


def test_a_mongod_keeps_its_data_through_a_kill_and_a_new_port(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    first = Mongod(folder)
    first.start()
    with MongoClient(first.uri("shop"), w="majority") as client:  # before MongoDB 5 not the default
        client["shop"]["orders"].insert_one({"_id": 1})
    first.kill()

    second = Mongod(folder)
    assert second.port != first.port
    second.start()
    with MongoClient(second.uri("shop")) as client:
        assert client["shop"]["orders"].count_documents({}) == 1
        client["shop"]["orders"].insert_one({"_id": 2})
    second.stop()


def test_a_mongod_can_be_started_again_after_a_stop(tmp_path: Path) -> None:
    server = Mongod(tmp_path)
    for _ in range(2):
        server.start()
        server.stop()
    assert is_free(server.port)


def test_change_streams_and_transactions_work(local_db) -> None:
    with local_db.client.start_session() as session, local_db["orders"].watch() as stream:
        with session.start_transaction():
            local_db["orders"].insert_one({"_id": 1}, session=session)
        assert next(stream)["documentKey"] == {"_id": 1}


def test_each_test_has_a_database_of_its_own(local_db, atlas_db) -> None:
    assert local_db.name != atlas_db.name
    assert local_db.list_collection_names() == []


def test_a_redis_starts_answers_and_stops(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    server.start()
    assert server.url == f"redis://127.0.0.1:{server.port}/0"
    server.stop()
    assert is_free(server.port)


def test_a_taken_port_is_named(redis_server: Redis, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=f"port {redis_server.port} is taken"):
        Redis(tmp_path, port=redis_server.port).start()


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"has ended(.|\n)*oplogSize"):
        Mongod(tmp_path, oplog_mb=-1).start()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_server_goes_when_its_starter_is_killed(tmp_path: Path) -> None:
    port = free_port()
    script = (
        "import sys, time; from pathlib import Path; from syncapp.embedded.redis import Redis\n"
        "Redis(Path(sys.argv[1]), int(sys.argv[2])).start(); print('up', flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(port)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    with starter.stdout as lines:
        assert lines.readline() == "up\n"
        assert not is_free(port)
        os.kill(starter.pid, signal.SIGKILL)
        starter.wait()
    eventually(lambda: is_free(port), "the server has stopped")
