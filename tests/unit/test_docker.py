"""docker/compose.yml and the Dockerfile say what the code says: services, commands, ports, settings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncapp.conf.settings import BASE_DIR, SETTINGS, load
from syncapp.embedded.programs import PROGRAMS, SETUP, Program
from syncapp.embedded.redis import redis_command

COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker" / "compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (BASE_DIR / "docker" / "Dockerfile").read_text()
OURS = [*PROGRAMS, SETUP]


def filled_in(text: str) -> str:
    """As compose fills in variables that have no value, or their defaults."""
    innermost = re.compile(r"\$\{\w+(?:(:-|:\?)([^${}]*))?\}")
    while innermost.search(text):
        text = innermost.sub(lambda found: found[2] if found[1] == ":-" else "secret", text)
    return text


def test_the_services_are_the_programs_and_their_servers() -> None:
    assert set(SERVICES) == {program.name for program in OURS} | {"redis", "postgres"}


@pytest.mark.parametrize("program", OURS, ids=lambda program: program.name)
def test_a_service_runs_the_command_of_its_program(program: Program) -> None:
    assert shlex.join(SERVICES[program.name]["command"]) == program.shell_line


@pytest.mark.parametrize("program", OURS, ids=lambda program: program.name)
def test_what_a_service_is_told_is_a_setting_and_allowed(program: Program) -> None:
    environment = {name: filled_in(value) for name, value in SERVICES[program.name]["environment"].items()}
    told = {name for name in environment if not name.startswith("FLOWER_")} - {"PGPASSWORD", "TMPDIR"}
    assert told <= {setting.name for setting in SETTINGS}
    load({name: value for name, value in environment.items() if not name.startswith("FLOWER_")})


def test_ports_agree() -> None:
    port = SERVICES["web"]["environment"]["PORT"]
    assert SERVICES["web"]["ports"] == ["${WEB_PORT:-5000}:" + port]
    assert SERVICES["web"]["healthcheck"]["test"][-3:] == ["127.0.0.1", port, "/api/health"]
    assert SERVICES["listener"]["healthcheck"]["test"][-3:-1] == ["web", port]
    assert f"EXPOSE {port}" in DOCKERFILE
    flower = SERVICES["flower"]["environment"]
    assert flower["SYNC_FLOWER_URL"].endswith(f"//flower:{flower['FLOWER_PORT']}")
    assert SERVICES["flower"]["healthcheck"]["test"][-2:] == [flower["FLOWER_PORT"], "/flower/healthcheck"]


def test_only_the_web_process_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["web"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"setup", "beat"}))
def test_every_service_that_can_be_asked_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_services_start_again_by_themselves_and_setup_once() -> None:
    assert {name: service["restart"] for name, service in SERVICES.items()} == {
        **dict.fromkeys(SERVICES, "unless-stopped"),
        "setup": "no",
    }


def test_a_stop_leaves_more_time_than_a_process_may_take() -> None:
    for program in PROGRAMS:
        assert int(SERVICES[program.name]["stop_grace_period"].rstrip("s")) > program.stop_seconds


def test_the_broker_never_drops_a_task_in_silence(tmp_path: Path) -> None:
    embedded = redis_command(tmp_path, 1)
    for command in (SERVICES["redis"]["command"], embedded):
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_image_holds_every_package_of_the_product_and_no_more() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE))
    assert {"manage.py", "syncproject", "syncapp", "monitoring", "docker/entrypoint.sh"} <= copied
    for path in copied:
        assert (BASE_DIR / path).exists(), path
    ignored = (BASE_DIR / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    for path in copied:
        assert f"!{path}" in ignored, path


def test_the_image_runs_as_nobody_special() -> None:
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.MULTILINE)


def test_what_is_kept_is_on_a_volume() -> None:
    home = COMPOSE["x-isthmus"]["environment"]["SYNC_HOME"]
    assert COMPOSE["x-isthmus"]["volumes"] == [f"data:{home}"]
    assert f"VOLUME {home}" in DOCKERFILE
    assert f"SYNC_HOME={home}" in DOCKERFILE


def compiled(text: str, **given: str) -> str:
    """`${NAME:-default}`, nested, as compose fills it in for these variables."""
    innermost = re.compile(r"\$\{(\w+)(?::[-?]([^${}]*))?\}")
    while innermost.search(text):
        text = innermost.sub(lambda found: given.get(found[1]) or found[2] or "", text)
    return text


def test_servers_of_ones_own_are_named_in_env_alone() -> None:
    told = SERVICES["web"]["environment"]
    own = {
        "DATABASE_URL": "postgres://u:p%40ss@db/isthmus",
        "CELERY_BROKER_URL": "rediss://:p%2Fw@cache:6380/1",
    }
    for name, address in own.items():
        assert compiled(told[name], **own) == address
        assert "@postgres:5432" in compiled(told[name]) or compiled(told[name]) == "redis://redis:6379/0"
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] in compiled(told["DATABASE_URL"])
    assert compiled(told["PGPASSWORD"], POSTGRES_PASSWORD="p@ss/w0rd") == "p@ss/w0rd"


@pytest.mark.parametrize("program", OURS, ids=lambda program: program.name)
def test_nothing_is_written_but_to_the_volume_and_tmp(program: Program) -> None:
    service = SERVICES[program.name]
    assert service["read_only"] is True
    assert service["tmpfs"] == [service["environment"]["TMPDIR"]]
    assert "compileall" in DOCKERFILE


def test_no_health_check_starts_django() -> None:
    for name, service in SERVICES.items():
        test = " ".join(service.get("healthcheck", {}).get("test", []))
        assert "manage.py" not in test, name
        assert "celery" not in test, name
