"""Passwords that are planted in every setting that has one are found nowhere: not in a log, a file of the process manager, a
command line, an answer of the API, a page, an error page, or Django's database, whatever fails meanwhile."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from syncapp.conf.running import FILE
from syncapp.conf.settings import SettingsError, load
from syncapp.embedded.ports import free_port
from tests.integration.test_make_run import Running
from tests.support.eventually import eventually
from tests.support.processes import manage, processes_of

pytestmark = pytest.mark.slow
# Whatever is quoted, masked in part or cut at a colon or slash: this much of it stays readable
MARK = "tr0ubad0r"
ROOT = "/api/sync/bidirectional"
READ = [
    *(f"{ROOT}/{name}" for name in ("health", "doctor", "alerts/channels", "audit", "nothing")),
    "/monitoring/live", "/metrics", "/readyz", "/api/tokens", "/api/schema/",
]  # fmt: skip
PAGES = ["", "syncapp/instance/halts/", "syncapp/alertchannel/", "nothing/"]


def secret(name: str) -> str:
    return f"{MARK}&{name}:@/3?%"


def address(kind: str, name: str, rest: str = "") -> str:
    """Of a server that is not there."""
    return f"{kind}://user:{quote(secret(name), safe='')}@127.0.0.1:{free_port()}{rest}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole run whose servers all refuse connections."""
    made = Running(
        tmp_path_factory.mktemp("planted") / "home",
        MONGODB_URI=address("mongodb", "local", "/shop?serverSelectionTimeoutMS=500"),
        MONGODB_ATLAS_URI=address("mongodb", "atlas", "/shop?serverSelectionTimeoutMS=500"),
        CELERY_BROKER_URL=address("redis", "broker", "/0"),
        EMAIL_URL=address("smtp", "mail"),
        SYNC_ALERT_EMAIL_TO="ops@example.com",
        SYNC_ALERT_WEBHOOK_URL=address("http", "webhook", f"/hook?token={quote(secret('query'), safe='')}"),
        SYNC_ALERT_WEBHOOK_SECRET=secret("signature"),
        SYNC_FLOWER_URL=address("http", "flower"),
        DJANGO_SECRET_KEY=secret("key") + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
        DJANGO_SUPERUSER_PASSWORD=secret("admin"),
        SYNC_LOG_LEVEL="DEBUG",
        BIDIRECTIONAL_SYNC_ENABLED="true",
    )
    try:
        eventually(lambda: _is_up(made), "the web process answers", 60)
        yield made
    finally:
        made.clean_up()


def _is_up(run: Running) -> bool:
    with contextlib.suppress(OSError):
        return bool(run.get("/api/health"))
    assert run.process.poll() is None, run.printed
    return False


class Visitor:
    """The administrator, by token and in a browser. `answers`: everything that was answered."""

    def __init__(self, run: Running) -> None:
        self.base = f"http://127.0.0.1:{run.port}"
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.answers: dict[str, str] = {}

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> str:
        request = urllib.request.Request(self.base + path, data, headers)
        try:
            with self.browser.open(request, timeout=30) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
        self.answers[path] = text
        return text

    def say(self, path: str, token: str, body: Any) -> str:
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        return self.ask(path, json.dumps(body).encode(), **headers)


def test_they_are_found_nowhere(planted: Running) -> None:
    visitor = Visitor(planted)
    login = {"username": "admin", "password": secret("admin")}
    token = json.loads(visitor.ask("/api/token/", urlencode(login).encode()))["token"]
    visitor.ask("/api/token/", urlencode({**login, "password": secret("wrong")}).encode())
    for path in READ:
        visitor.ask(path, Authorization=f"Token {token}")
    for path, body in {
        "verify": {}, "alerts/channels/webhook/test": {}, "alerts/channels/email/test": {},
        "alerts/channels": {"name": "own", "kind": "webhook", "options": {"url": address("http", "own"), "secret": secret("own")}},
        "alerts/channels/own/test": {}, "halts/answer": {"id": "a", "answer": "go-on"},
    }.items():  # fmt: skip
        visitor.say(f"{ROOT}/{path}", token, body)
    page = visitor.ask("/admin/login/")
    csrf = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    visitor.ask("/admin/login/?next=/admin/", urlencode({**login, "csrfmiddlewaretoken": csrf}).encode())
    for place in PAGES:
        assert "id_password" not in visitor.ask(f"/admin/{place}", Accept="text/html"), "the login worked"
    visitor.ask("/flower/", Accept="text/html")
    logs = planted.home / "logs"
    eventually(
        lambda: sum(path.read_text(errors="replace").count("refused") for path in logs.glob("*")) > 3,
        "listener, worker and beat have said that they are refused",
        40,
    )
    said = {"printed": planted.printed, **visitor.answers}
    said |= {f"process {one.pid}": one.command for one in processes_of(planted.home)}
    assert {name: around(text) for name, text in said.items() if MARK in text} == {}
    assert in_files(planted.home) == {}


def test_commands_and_a_database_that_is_away_do_not_show_them(tmp_path: Path) -> None:
    away = {
        "MONGODB_URI": address("mongodb", "local", "/shop?serverSelectionTimeoutMS=300"),
        "MONGODB_ATLAS_URI": address("mongodb", "atlas", "/shop?serverSelectionTimeoutMS=300"),
        "CELERY_BROKER_URL": address("redis", "broker", "/0"),
        "DATABASE_URL": address("postgres", "database", "/isthmus"),
    }
    for arguments in (("sync_run",), ("sync_doctor",), ("migrate",)):
        done = manage(*arguments, home=tmp_path, **away)
        assert done.returncode != 0, arguments
        assert MARK not in done.stdout + done.stderr, around(done.stdout + done.stderr)
    assert in_files(tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGODB_URI", f"mongodb://user:{secret('raw')}@host/a b"),
        ("CELERY_BROKER_URL", f"amqps:/user:{secret('raw')}@host"),
        ("DATABASE_URL", f"oracle-or-what://user:{secret('raw')}@host"),
        ("EMAIL_URL", f"pop://user:{secret('raw')}@host"),
        ("SYNC_FLOWER_URL", f"ftp://user:{secret('raw')}@host"),
        ("SYNC_ALERT_WEBHOOK_URL", f"ftp://user:{secret('raw')}@host"),
    ],
)
def test_a_wrong_value_is_named_without_its_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    assert MARK not in str(refused.value), str(refused.value)


def in_files(home: Path) -> dict[str, str]:
    """Where it stands, but in the file from which other terminals take the run's environment, for its owner alone."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes().decode("utf-8", "replace")
            if path.name.startswith("isthmus.sqlite3"):  # keeps the channels that were added, to send to them
                text = text.replace(secret("own"), "").replace(quote(secret("own"), safe=""), "")
            if MARK in text and path.name != FILE:
                found[str(path.relative_to(home))] = around(text)
    if (home / FILE).exists():
        assert (home / FILE).stat().st_mode & 0o077 == 0
    return found


def around(text: str) -> str:
    at = text.find(MARK)
    return text[max(0, at - 150) : at + 100]
