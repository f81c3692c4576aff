"""What a `make run` consists of: kept ports, what every process is told, and the run's lock."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from syncapp.conf.home_lock import AlreadyRunning, RunLock, is_held
from syncapp.conf.running import environment_of_the_running, forget_environment, keep_environment
from syncapp.conf.settings import SettingsError, load
from syncapp.embedded.plan import make_plan
from syncapp.embedded.ports import free_port
from syncapp.embedded.supervisor import socket_path

OWN = {"MONGODB_URI": "mongodb://127.0.0.1/a", "MONGODB_ATLAS_URI": "mongodb://127.0.0.1/b"}


def plan(home: Path, **environment: str):
    told = {"SYNC_HOME": str(home), "PORT": str(free_port()), **environment}
    home.mkdir(exist_ok=True)
    return make_plan(load(told), told)


def test_without_databases_everything_is_embedded_and_sync_is_on(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert [server.name for server in made.servers] == ["local", "atlas", "redis"]
    assert made.is_demo
    told = load(made.environment)
    assert told.bidirectional_sync_enabled
    assert told.local_database == told.atlas_database == "shop"
    assert told.sync_flower_url.endswith(f"@127.0.0.1:{made.environment['FLOWER_PORT']}")


def test_the_environment_can_start_the_demo_with_sync_off(tmp_path: Path) -> None:
    made = plan(tmp_path, BIDIRECTIONAL_SYNC_ENABLED="false")
    assert "BIDIRECTIONAL_SYNC_ENABLED" not in made.environment


def test_own_databases_are_used_and_sync_stays_as_it_is_set(tmp_path: Path) -> None:
    made = plan(tmp_path, **OWN)
    assert [server.name for server in made.servers] == ["redis"]
    assert not made.is_demo
    assert not {"MONGODB_URI", "BIDIRECTIONAL_SYNC_ENABLED"} & set(made.environment)


def test_an_own_broker_is_used(tmp_path: Path) -> None:
    made = plan(tmp_path, **OWN, CELERY_BROKER_URL="redis://127.0.0.1/0")
    assert made.servers == ()
    assert "CELERY_BROKER_URL" not in made.environment


def test_one_database_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MONGODB_ATLAS_URI is not set"):
        plan(tmp_path, MONGODB_URI=OWN["MONGODB_URI"])


@pytest.mark.parametrize("host", ["::", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_named_and_not_taken_for_a_port_in_use(
    tmp_path: Path, host: str
) -> None:
    with pytest.raises(SettingsError, match=f"^SYNC_WEB_BIND is '{host}'; allowed: "):
        plan(tmp_path, SYNC_WEB_BIND=host)


def test_ports_are_kept_and_all_different(tmp_path: Path) -> None:
    first, second = plan(tmp_path), plan(tmp_path)
    ports = [server.port for server in first.servers]
    assert ports == [server.port for server in second.servers]
    assert len({*ports, int(first.environment["FLOWER_PORT"])}) == 4


def test_in_the_small_profile_nobody_is_told_of_flower(tmp_path: Path) -> None:
    made = plan(tmp_path, SYNC_PROFILE="small")
    assert not [name for name in made.environment if "FLOWER" in name]


def test_a_port_that_somebody_took_is_chosen_again(tmp_path: Path) -> None:
    taken = plan(tmp_path).servers[0].port
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        assert plan(tmp_path).servers[0].port != taken


@pytest.mark.parametrize("text", ["", "{", "[]", '{"local": "x", "atlas": 99999}'])
def test_a_torn_file_of_ports_does_no_harm(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    made = plan(tmp_path)
    assert json.loads((tmp_path / "ports.json").read_text())["local"] == made.servers[0].port


def test_a_taken_web_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"PORT is {port}, where another program listens"):
            plan(tmp_path, PORT=str(port))


def test_a_deep_home_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    assert socket_path(Path("/var/lib/isthmus")) == Path("/var/lib/isthmus/supervisor.sock")
    deep = socket_path(tmp_path / ("x" * 100))
    assert len(str(deep)) < 100
    assert deep != socket_path(tmp_path / ("y" * 100))


def test_the_lock_is_taken_once_and_leaves_no_file(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.take()
    assert is_held(tmp_path)
    with pytest.raises(AlreadyRunning):
        RunLock(tmp_path).take()
    lock.release()
    assert not is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_without_a_holder_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "run.lock").touch()
    assert not is_held(tmp_path)
    lock = RunLock(tmp_path)
    lock.take()
    lock.release()


def test_what_a_run_tells_is_believed_only_while_it_runs(tmp_path: Path) -> None:
    keep_environment(tmp_path, {"MONGODB_URI": "mongodb://127.0.0.1/a"})
    assert environment_of_the_running(tmp_path) == {}, "left behind by a run that was killed"
    lock = RunLock(tmp_path)
    lock.take()
    assert environment_of_the_running(tmp_path) == {"MONGODB_URI": "mongodb://127.0.0.1/a"}
    forget_environment(tmp_path)
    assert environment_of_the_running(tmp_path) == {}
    lock.release()
