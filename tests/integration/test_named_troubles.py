"""What keeps documents from moving is named in health, on the dashboard and by the doctor within half a minute, and
is gone within half a minute of its cure. With `-s` the table of what was said is printed."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from syncapp.embedded.mongod import Mongod
from tests.integration.conftest import Workshop
from tests.support.brokers import KIND, NAMES, Broker, empty, other_password, place
from tests.support.certificates import make_authority
from tests.support.device import Addresses, Device
from tests.support.eventually import eventually
from tests.support.relay import Relay

SECONDS = 30
ASK = """
import json, pathlib, re
from monitoring.dashboard import live_figures
from monitoring.facts import take_snapshot
from syncapp.api.health import full_health

def said(answer):
    return re.sub(r"\\d+", "…", json.dumps(answer["reasons"], default=str))

for _ in range(5):  # a moment lies between the two, in which something may change
    found = [full_health(take_snapshot()), live_figures()]
    if said(found[0]) == said(found[1]):
        break
pathlib.Path({path!r}).write_text(json.dumps([one["reasons"] for one in found], default=str))
"""
EXAMINE = """
import json, pathlib
from syncapp.conf.settings import get_settings
from syncapp.doctor.examine import examine
found = [line.finding.text for line in examine(get_settings()) if line.finding.level.exit_code]
pathlib.Path({path!r}).write_text(json.dumps(found))
"""


@dataclass
class Troubled:
    """A device that reaches Atlas and the broker through networks that a test can cut."""

    device: Device
    atlas: Relay
    broker: Relay

    def ask(self, statements: str) -> Any:
        path = str(self.device.home / "answer.json")
        self.device.console.run(statements.format(path=path))
        return json.loads(Path(path).read_text())

    def reasons(self) -> str:
        health, page = self.ask(ASK)
        told = [re.sub(r"\d+", "…", json.dumps(reasons)) for reasons in (health, page)]
        assert told[0] == told[1], "health and dashboard say the same"
        return "\n".join(f"{one['status']}: {one['text']}" for one in health)

    def examined(self) -> str:
        return "\n".join(self.ask(EXAMINE))

    def is_named(self, trouble: str, health: str, doctor: str, cure: Callable[[], object]) -> None:
        begun = time.monotonic()
        said = eventually(
            lambda: (text := self.reasons()) and health in text and text,
            f"health says {health}",
            SECONDS,
            0.3,
        )
        named = time.monotonic() - begun
        if doctor:
            findings = self.examined()
            assert doctor in findings, findings
            print(f"{trouble} | doctor | {findings}")
        cure()
        begun = time.monotonic()
        eventually(lambda: health not in self.reasons(), f"health says no more: {health}", SECONDS, 0.3)
        print(
            f"{trouble} | health after {named:.0f} s | {said} | gone after {time.monotonic() - begun:.0f} s"
        )

    def moves(self) -> None:
        number = time.time_ns()
        self.device.local["orders"].insert_one({"_id": number})
        self.device.atlas["menu"].insert_one({"_id": number})
        self.device.wait_until_equal()


@pytest.fixture
def troubled(
    workshop: Workshop, atlas_server: Mongod, broker_server: Broker, tmp_path: Path
) -> Iterator[Troubled]:
    atlas, broker = Relay(atlas_server.port), Relay(broker_server.port)
    addresses = Addresses(
        workshop.local.uri(f"troubled{atlas.port}"),
        f"mongodb://127.0.0.1:{atlas.port}/troubled_atlas{atlas.port}?directConnection=true",
        place(broker_server, 14, broker.port),
    )
    empty(addresses.broker)
    device = Device(tmp_path / "device", addresses, workshop.template)
    device.keep_running = True  # Kombu may end a worker whose broker refuses it
    try:
        yield Troubled(device, atlas, broker)
    finally:
        device.end()
        atlas.close()
        broker.close()


@pytest.fixture(autouse=True)
def _logs(troubled: Troubled, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if getattr(request.node, "failed", False):
        print(troubled.device.tails())


@pytest.mark.timeout(240)
def test_a_listener_that_cannot_begin_says_why_and_begins_when_it_can(
    troubled: Troubled, atlas_server: Mongod, tmp_path: Path
) -> None:
    device, settings = troubled.device, dict(troubled.device.settings)
    device.launch("worker")
    troubled.atlas.cut()
    device.launch("listener")
    begin = "Sync cannot start. Atlas cannot be reached: 127.0.0.1:"
    troubled.is_named("Atlas away at the start", begin, "Atlas cannot be reached", troubled.atlas.heal)
    device.wait_until_ready()

    def restart_with(uri: str) -> None:
        device.stop("listener")
        device.settings["MONGODB_ATLAS_URI"] = uri
        device.launch("listener")

    restart_with("mongodb+srv://cluster0.nowhere.invalid/shop")
    begin = "Sync cannot start. Atlas cannot be found: its name cannot be resolved (DNS)"
    troubled.is_named("DNS away", begin, "", lambda: restart_with(settings["MONGODB_ATLAS_URI"]))

    theirs, others = make_authority(tmp_path / "theirs"), make_authority(tmp_path / "others")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(theirs.server)
    secure = Relay(atlas_server.port, context)
    try:
        name = (
            f"mongodb://127.0.0.1:{secure.port}/{device.atlas.name}?directConnection=true&tls=true&tlsCAFile="
        )
        restart_with(name + str(others.ca))
        found = device.manage("sync_doctor").stdout
        assert "Atlas cannot be reached by TLS" in found
        assert "tlsCAFile" in found
        assert "Network Access" not in found
        begin = "Sync cannot start. Atlas cannot be reached by TLS"
        troubled.is_named("wrong CA", begin, "", lambda: restart_with(name + str(theirs.ca)))
        device.wait_until_ready()
        troubled.moves()
    finally:
        secure.close()
    assert "Traceback" not in device.log("listener").read_text()


@pytest.mark.timeout(240)
def test_what_stops_later_is_named_too(troubled: Troubled, broker_server: Broker) -> None:
    device = troubled.device
    device.launch("worker")
    device.launch("listener")
    device.wait_until_ready()
    name = NAMES[KIND]
    broker = f"The broker ({name}) is unreachable since "
    troubled.broker.cut()
    troubled.is_named("broker dead", broker, f"The broker ({name}) cannot be reached", troubled.broker.heal)
    troubled.moves()

    with ExitStack() as until_cured:
        until_cured.enter_context(other_password(broker_server))

        def reconnect() -> None:
            troubled.broker.cut()
            troubled.broker.heal()

        def cure() -> None:
            until_cured.close()
            reconnect()

        reconnect()
        troubled.is_named("wrong password", broker, f"The broker ({name}) refuses the login", cure)
    troubled.moves()

    troubled.atlas.cut()
    away = "Atlas cannot be reached: 127.0.0.1:"
    troubled.is_named("Atlas away later", away, away, troubled.atlas.heal)
    troubled.moves()

    device.stop("worker")
    gone = "No worker has reported for "
    troubled.is_named("stopped workers", gone, "No worker answers", lambda: device.launch("worker"))
    eventually(lambda: not troubled.reasons(), "it is healthy", SECONDS, 0.3)
    assert "Traceback" not in device.log("listener").read_text()
