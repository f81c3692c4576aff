"""A program of its own that asks for every address and gives every command while one thing after the other is
away, and prints what it was answered, one JSON document a line:

    python -m tests.support.walk HOME LOCAL_URI ATLAS_URI REDIS_PORT
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.relay import Relay

THINGS = ("nothing", "local", "atlas", "redis", "django")
# With what a person would send; the rest gets an empty body
BODIES: dict[str, dict[str, Any]] = {
    "/api/token/": {"username": "admin", "password": "wrong"},
    "toggle": {"enabled": True},
    "pause": {"paused": False},
    "exclusions": {"pattern": "temp_*"},
    "rules/validation": {"pattern": "bills", "schema": {"required": ["total"]}},
    "initial": {"differing": "local", "onlyAtlas": "pull", "onlyLocal": "push"},
    "rejected/retry": {"all": True},
    "rejected/discard": {"all": True},
    "halts/answer": {"id": "x", "answer": "go-on"},
    "conflicts/1/resolve": {"winner": "local"},
    "resync": {"collections": ["bills"]},
    "verify": {"repair": True},
    "selftest": {"parts": ["resume"]},
}
COMMANDS = {
    "sync_status": [[], ["--json"]],
    "sync_health": [[]],
    "sync_toggle": [["show"], ["on"]],
    "sync_exclusions": [[], ["add", "temp_*"]],
    "sync_rejected": [[], ["retry", "--all"], ["discard", "--all"]],
    "sync_halts": [[], ["answer", "x", "go-on"]],
    "sync_initial": [[]],
    "sync_doctor": [["--json"]],
    "sync_backup": [["--side", "both"]],
    "sync_restore": [["nowhere", "--side", "local", "--yes"]],
    # Of a collection that is not there: else they would follow the run until a listener comes
    "sync_resync": [["--collection", "nowhere"]],
    "sync_selftest": [["resume"]],
    "sync_verify": [["--collection", "nowhere"], ["--indexes"]],
    "sync_runs": [[], ["collections"], ["pause"]],
    "sync_setup": [[]],
}
PARAMETER = re.compile(r"<(?:\w+:)?\w+>")
LEFT_OUT = ("logout", "static")


def addresses(patterns: Any, before: str = "/") -> Iterator[str]:
    for one in patterns:
        here = before + PARAMETER.sub("1", str(one.pattern)).lstrip("^").rstrip("$")
        if hasattr(one, "url_patterns"):
            yield from addresses(one.url_patterns, here)
        elif "(?P" not in here and not any(word in here for word in LEFT_OUT):
            yield here


def ask(client: Any, method: str, address: str) -> dict[str, Any]:
    _, _, short = address.partition("/api/sync/bidirectional/")
    body = json.dumps(BODIES.get(short or address, {})) if method in ("POST", "PUT") else ""
    kind = "application/json" if address.startswith("/api/") else "application/x-www-form-urlencoded"
    answer = client.generic(method, address, body if kind.endswith("json") else "", content_type=kind)
    text = b"".join(answer) if answer.streaming else answer.content
    return {
        "what": f"{method} {address}",
        "status": answer.status_code,
        "kind": answer.headers.get("Content-Type", ""),
        "text": text.decode("utf-8", "replace")[:2_000],
        "traceback": b"Traceback" in text,
    }


def command(main: Callable[[], int], arguments: list[str]) -> dict[str, Any]:
    sys.argv[1:] = arguments
    out, failed = io.StringIO(), ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            status: Any = main()
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException:
            status, failed = -1, traceback.format_exc()
    return {
        "what": " ".join(arguments), "status": status, "kind": "command",
        "text": failed[-2_000:] or out.getvalue()[:2_000],
        "traceback": bool(failed) or "Traceback" in out.getvalue(),
    }  # fmt: skip


def fill(home: Path) -> Any:
    """Rows to ask for, and somebody who is logged in."""
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.support import rows

    rows.device()
    rows.conflict({"_id": 1}, {"_id": 1, "x": 1}, winner="open")
    rows.rejected()
    rows.token()
    rows.run("done")
    client = Client(raise_request_exception=False, SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="admin"))
    return client


def without_django(file: Path) -> Callable[[], None]:
    from django.db import connection

    def back() -> None:
        connection.close()
        file.rmdir()
        file.with_suffix(".away").rename(file)

    connection.close()
    file.rename(file.with_suffix(".away"))
    file.mkdir()  # else SQLite makes a new one
    return back


def walk(thing: str, client: Any, main: Callable[[], int]) -> Iterator[dict[str, Any]]:
    from django.urls import get_resolver

    found = sorted(set(addresses(get_resolver().url_patterns)))
    for address in found if thing != "redis" else []:  # no address asks for it, but the doctor
        methods = ["GET", "POST"]
        if address.startswith("/api/sync"):
            methods += ["PUT", "DELETE"]
        for method in methods:
            yield ask(client, method, address)
    for name, variants in COMMANDS.items():
        for arguments in variants:
            yield command(main, [name, *arguments])


def run(home: Path, uris: list[str], redis_port: int) -> None:
    relays = {"local": Relay(urlsplit(uris[0]).port or 0), "atlas": Relay(urlsplit(uris[1]).port or 0)}
    relays["redis"] = Relay(redis_port)
    for variable, name, uri in (("MONGODB_URI", "local", uris[0]), ("MONGODB_ATLAS_URI", "atlas", uris[1])):
        path = urlsplit(uri).path
        os.environ[variable] = f"mongodb://127.0.0.1:{relays[name].port}{path}?directConnection=true"
    os.environ["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{relays['redis'].port}/0"
    import django
    from pymongo import MongoClient

    from syncapp.mongo import connect

    def impatient(*arguments: Any, **options: Any) -> MongoClient[Any]:
        waits = {"serverSelectionTimeoutMS": 200, "connectTimeoutMS": 200}
        return MongoClient(*arguments, **{**options, **waits})

    connect.MongoClient = impatient  # type: ignore[misc,assignment]
    django.setup()
    from syncapp.doctor import connections
    from syncapp.services import selftest

    connections.SECONDS = 1
    selftest._spawn = lambda run: None  # the command is given below
    import manage

    prepared = command(manage.main, ["sync_setup"])
    assert prepared["status"] == 0, prepared
    client = fill(home)
    for thing in THINGS:
        back: Callable[[], None] = lambda: None  # noqa: E731
        if thing in relays:
            relays[thing].cut()
            back = relays[thing].heal
        elif thing == "django":
            back = without_django(home / "isthmus.sqlite3")
        before = time.monotonic()
        for found in walk(thing, client, manage.main):
            seconds, before = time.monotonic() - before, time.monotonic()
            line = {"away": thing, "seconds": round(seconds, 2), **found}
            print(json.dumps(line), file=sys.__stdout__, flush=True)
        back()
    for relay in relays.values():
        relay.close()


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:4], int(sys.argv[4]))
