"""What an operator is told, by real processes: Atlas freezes, beat is killed, workers are restarted in the middle. Each
beginning and each end reaches a webhook and a mailbox once."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncapp.embedded.ports import free_port
from tests.integration.conftest import Workshop, mortal_workshop
from tests.integration.test_frozen_server import frozen
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.receivers import HttpReceiver, MailReceiver
from tests.unit.conftest import post_office, receiver

__all__ = ["post_office", "receiver"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECRET = "a secret of the test"
SET_RULE = "from monitoring.alerts.operations import set_rule\nset_rule({!r}, **{!r})"


@pytest.fixture(scope="module")
def own(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with mortal_workshop(migrated_home, tmp_path_factory.mktemp("alerts")) as workshop:
        yield workshop


@pytest.fixture
def watched(
    own: Workshop, tmp_path: Path, receiver: HttpReceiver, post_office: MailReceiver
) -> Iterator[Device]:
    settings = {
        "SYNC_SOCKET_TIMEOUT": "2000",
        "PORT": str(free_port()),
        "SYNC_ALERT_WEBHOOK_URL": receiver.url,
        "SYNC_ALERT_WEBHOOK_SECRET": SECRET,
        "SYNC_ALERT_EMAIL_TO": "operator@example.com",
        "EMAIL_URL": post_office.url,
    }
    with own.running(tmp_path, **settings) as device:
        device.console.run(SET_RULE.format("change-stream", {"for_seconds": 3}))
        device.launch("beat", "web")
        turns(device, 2)
        yield device
        print(device.tail("web"), device.tail("beat"), device.tail("worker"))


def turns(device: Device, number: int, timeout: float = 60) -> None:
    """Until alerts have been evaluated so many times from now on."""

    def turn() -> int:
        found = device.rows("SELECT turn FROM syncapp_alertwatch")
        return int(found[0][0]) if found else 0

    start = turn()
    eventually(lambda: turn() >= start + number, f"{number} more evaluations", timeout)


def states(device: Device, code: str) -> set[str]:
    return {row[0] for row in device.rows("SELECT state FROM syncapp_alert WHERE code = ?", code)}


def told(receiver: HttpReceiver) -> list[tuple[str, str]]:
    return [(body["code"], body["state"]) for body in receiver.bodies]


def ask(device: Device, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{device.settings['PORT']}{path}", timeout=60
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_who_watches_is_told_once_of_each_beginning_and_each_end(
    own: Workshop, watched: Device, receiver: HttpReceiver, post_office: MailReceiver
) -> None:
    device, away, back = watched, ("change-stream", "firing"), ("change-stream", "resolved")
    eventually(lambda: ask(device, "/readyz")[0] == 200, "it is ready", 30)
    with frozen(own.atlas):
        eventually(lambda: states(device, "change-stream") == {"pending"}, "it is pending", 40)
        assert told(receiver) == []
        eventually(lambda: told(receiver) == [away], "the webhook has it", 30)
        eventually(lambda: len(post_office.mails) == 1, "the mailbox has it")
        device.kill("beat")
        device.kill("worker")
        device.launch("worker", "beat")
        turns(device, 3)
        assert told(receiver) == [away], "a restart says nothing anew"
    eventually(lambda: told(receiver) == [away, back], "its end is told", 60)
    eventually(lambda: len(post_office.mails) == 2, "the mailbox has it")
    turns(device, 3)
    assert told(receiver) == [away, back]
    assert [mail["Subject"] for mail in post_office.mails] == [
        "[Isthmus] change-stream (critical, firing)",
        "[Isthmus] change-stream (resolved)",
    ]
    for post in receiver.posts:
        expected = hmac.new(SECRET.encode(), post.raw, hashlib.sha256).hexdigest()
        assert post.headers["X-Isthmus-Signature"] == f"sha256={expected}"
        assert post.body["device"] == device.instance_id

    device.console.run(SET_RULE.format("beat-silent", {"for_seconds": 0, "threshold": 15}))
    device.kill("beat")
    eventually(lambda: ("beat-silent", "firing") in told(receiver), "the dead man's alert", 60)
    assert ask(device, "/readyz")[1]["beat"] == "silent"
    assert ask(device, "/api/sync/bidirectional/health")[1]["health"] == "degraded"
    turns(device, 3)
    device.launch("beat")
    eventually(lambda: ("beat-silent", "resolved") in told(receiver), "beat is back", 60)
    turns(device, 2)
    assert told(receiver)[2:] == [("beat-silent", "firing"), ("beat-silent", "resolved")]
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == len(receiver.posts)
