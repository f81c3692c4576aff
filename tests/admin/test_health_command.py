"""`sync_health`: one line, figures, exit status 0 to 3, whatever is away; `sync_status --watch`; and what `--json` prints."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.db import OperationalError
from django.utils import timezone

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.redis import Redis
from syncapp.management.commands import sync_health, sync_status
from syncapp.models import AlertWatch
from syncapp.services.switches import change_switches
from tests.support import rows
from tests.support.processes import environment, manage
from tests.unit.test_command_help import NAMES

FIGURE = re.compile(r"^(\w+)=-?[\d.]+(s|%)?(;[\d.]*){3}$")


def health(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("sync_health", *arguments, stdout=out)
    return int(ended.value.code or 0), out.getvalue().rstrip("\n")


Broker = Callable[[str], None]


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """CELERY_BROKER_URL for the command."""
    return lambda url: monkeypatch.setattr(
        sync_health, "get_settings", lambda: SimpleNamespace(celery_broker_url=url)
    )


@pytest.fixture
def at_work(db: None, redis_server: Redis, broker: Broker) -> None:
    broker(f"redis://127.0.0.1:{redis_server.port}/0")
    change_switches(enabled=True)
    AlertWatch.objects.update_or_create(id=1, defaults={"beat_at": timezone.now()})


@pytest.mark.parametrize(
    ("device", "code", "word"),
    [
        ({}, 0, "OK"),
        ({"pull_lag_ms": 7_000}, 1, "WARNING"),
        ({"atlas_reconnects": 10, "atlas_stream": "disconnected"}, 2, "CRITICAL"),
    ],
)
def test_one_line_with_figures_and_the_status(at_work: None, device: dict, code: int, word: str) -> None:
    rows.device(**device)
    status, line = health()
    assert (status, "\n" in line) == (code, False)
    assert line.startswith(f"SYNC {word} - Bidirectional sync")
    said, _, figures = line.partition(" | ")
    assert "|" not in said
    names = [FIGURE.match(one) for one in figures.split()]
    assert [found and found[1] for found in names] == [
        "lag", "pending", "conflicts", "errors", "rejected", "halts", "silent",
    ]  # fmt: skip
    found = json.loads(health("--json")[1])
    assert (found["exitStatus"], found["status"]) == (code, word.lower())


def test_a_listener_that_is_away_is_critical_and_said(at_work: None) -> None:
    rows.device(seen_at=timezone.now() - dt.timedelta(minutes=5))
    status, line = health()
    assert (status, "has not reported for 5 min" in line) == (2, True)


def test_a_bar_in_a_name_does_not_begin_the_figures(at_work: None) -> None:
    rows.device(stuck=[{"side": "local", "collection": "a|b\nc", "since": 0, "error": "no", "still": False}])
    status, line = health()
    assert status == 2
    assert r"a/b\nc" in line
    assert line.count("|") == 1


@pytest.mark.parametrize(
    ("url", "kind"), [("redis://127.0.0.1:1/0", "Redis"), ("amqp://user:word@127.0.0.1:1/x", "RabbitMQ")]
)
@pytest.mark.parametrize("listener", [True, False])
def test_a_broker_that_is_away_is_said_with_and_without_a_listener(
    at_work: None, listener: bool, broker: Broker, url: str, kind: str
) -> None:
    broker(url)
    if listener:
        rows.device()
    status, line = health()
    assert status == (1 if listener else 2)
    assert f"The broker ({kind}) does not answer" in line
    assert "word" not in line


def test_what_the_listener_says_of_redis_is_not_said_twice(at_work: None, broker: Broker) -> None:
    broker("redis://127.0.0.1:1/0")
    rows.device(stops={"broker": {"text": "no", "since": time.time() - 90}})
    status, line = health()
    assert (status, line.count("(Redis)")) == (2, 1)


def test_djangos_database_away_is_critical(at_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(sync_health, "take_snapshot", away)
    assert health() == (
        2,
        "SYNC CRITICAL - Django's database cannot be reached (connection refused): sync status unknown",
    )


def test_djangos_database_frozen_is_critical_in_time(at_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_health, "take_snapshot", lambda: time.sleep(60))
    assert health("--timeout", "0.05") == (
        2,
        "SYNC CRITICAL - Django's database has not answered for 0.05 s: sync status unknown",
    )
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "SYNC UNKNOWN - Django's database is not set up yet"),
        ({"SYNC_LOG_LEVEL": "loud"}, "SYNC UNKNOWN - SYNC_LOG_LEVEL is 'loud'"),
    ],
)
def test_a_check_that_cannot_be_made_is_unknown(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    done = manage("sync_health", home=tmp_path, **settings)
    assert (done.returncode, done.stdout.startswith(said)) == (3, True)


def test_what_nobody_expected_is_unknown(at_work: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("what")

    monkeypatch.setattr(sync_health, "take_snapshot", fail)
    assert health() == (3, "SYNC UNKNOWN - KeyError: 'what'")


def test_wrong_use_is_unknown_too(capsys: pytest.CaptureFixture[str]) -> None:
    command = load_command_class("syncapp", "sync_health")
    command._called_from_command_line = True  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as ended:
        command.create_parser("manage.py", "sync_health").parse_args(["--what"])
    assert (ended.value.code, "unrecognized arguments: --what" in capsys.readouterr().err) == (3, True)
    with pytest.raises(CommandError, match="--timeout is 0") as refused:
        call_command("sync_health", "--timeout", "0")
    assert refused.value.returncode == 3


# sync_status --watch


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["text", "json"])
def test_watch_goes_on_until_it_is_interrupted(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [2.0, 2.0]

    def sleep(seconds: float) -> None:
        if not waits:
            raise KeyboardInterrupt
        assert seconds == waits.pop()

    monkeypatch.setattr(sync_status, "time", SimpleNamespace(sleep=sleep))
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("sync_status", "--watch", *(["--json"] if form == "json" else []), stdout=out)
    assert ended.value.code == 0
    if form == "json":
        assert [json.loads(line)["health"] for line in out.getvalue().splitlines()] == ["critical"] * 3
    else:
        times = re.findall(r"^--- \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", out.getvalue(), re.M)
        assert (len(times), out.getvalue().count("Listener seen never"), "\x1b" in out.getvalue()) == (
            2,
            3,
            False,
        )


def test_on_a_terminal_it_is_drawn_in_the_same_place_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    """Also before the set-up, which it says."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "sync_status", "--watch"]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=environment(tmp_path), stdout=theirs)
    os.close(theirs)
    written = ""
    while written.count("is not set up yet") < 2:
        written += os.read(ours, 65_536).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    os.close(ours)
    assert "\x1b[H" in written


# --json


def documented() -> dict[str, str]:
    text = (BASE_DIR / "docs" / "commands.md").read_text()
    return dict(re.findall(r"^\| `(sync_\w+)` \| [^|]* \| (.*) \|$", text, re.M))


def test_every_command_that_has_json_is_documented() -> None:
    with_json = {
        name
        for name in NAMES
        if "--json" in load_command_class("syncapp", name).create_parser("manage.py", name).format_help()
    }
    assert documented().keys() == with_json
    last = (BASE_DIR / "docs" / "commands.md").read_text().rstrip().splitlines()[-1]
    assert set(re.findall(r"`(sync_\w+)`", last)) == set(NAMES) - with_json


@pytest.mark.django_db
@pytest.mark.parametrize(
    "line",
    [
        "sync_alerts", "sync_alerts rules", "sync_alerts channels", "sync_exclusions remove temp_*",
        "sync_rejected", "sync_runs collections", "sync_status", "sync_toggle show",
    ],
)  # fmt: skip
def test_what_it_prints_is_as_documented(line: str) -> None:
    from syncapp.models import ComparedCollection
    from syncapp.services.rules.exclusions import exclude

    rows.alert()
    rows.rejected()
    rows.device()
    exclude("temp_*")
    ComparedCollection.objects.create(
        collection="orders", as_of=timezone.now(), compared_at=timezone.now(), differing=0
    )
    out = io.StringIO()
    try:
        call_command(*line.split(), "--json", stdout=out)
    except SystemExit:
        pass
    found = json.loads(out.getvalue())
    found = found[0] if isinstance(found, list) else found
    words = set(re.findall(r"\w+", documented()[line.split()[0]]))
    if " rules" in line or " channels" in line or line == "sync_status":
        assert {"forSeconds", "kind", "health"} & found.keys()
    elif line in ("sync_alerts", "sync_runs collections"):
        assert len(words & found.keys()) >= 3
    else:
        assert found.keys() <= words
