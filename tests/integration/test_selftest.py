"""`sync_selftest` on a product at work: every part passes and leaves nothing behind, whatever happens; what is broken is one
clear line, and exit status 1."""

from __future__ import annotations

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from syncapp.core.scratch import PREFIX
from syncapp.embedded.ports import free_port
from syncapp.selftest.part import all_parts
from syncapp.store.names import SCRATCH
from tests.integration.conftest import MakeDevice, Workshop
from tests.support.device import Device, databases
from tests.support.eventually import eventually
from tests.support.raw import contents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# Limits that a machine which runs other tests beside this one may miss
OF_THIS_MACHINE = re.compile(r"latency p50|^Processing: ")
DEFAULT = [part.name for part in all_parts() if part.by_default]
LISTS = {
    "syncapp_conflict": "collection",
    "syncapp_rejectedchange": "collection",
    "syncapp_collectionrule": "pattern",
    "syncapp_comparisonrun": "collections",
    "django_celery_beat_periodictask": "name",
}
DEAD = "mongodb://127.0.0.1:1/shop"


@pytest.fixture(scope="module")
def module_device(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """With beat, and documents of applications."""
    with workshop.running(tmp_path_factory.mktemp("selftest"), PORT=str(free_port())) as device:
        repair = device.repair
        device.repair = lambda: (repair(), device.launch("beat"))  # type: ignore[assignment, func-returns-value]
        device.launch("beat")
        device.local["orders"].insert_many([{"_id": number, "total": number} for number in range(50)])
        device.wait_until_settled()
        yield device


def selftest(device: Device, *arguments: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Exit status and what `--json` prints."""
    done = device.manage("sync_selftest", "--json", *arguments, timeout=240, **settings)
    assert done.stdout.startswith("{"), done.stderr
    return done.returncode, json.loads(done.stdout)


def bad_lines(found: Mapping[str, Any]) -> list[str]:
    return [line["text"] for part in found["parts"] for line in part["lines"] if not line["ok"]]


def assert_only_late(code: int, found: Mapping[str, Any]) -> None:
    """Everything is well but, on a busy machine, how fast it is."""
    late = [line for line in bad_lines(found) if OF_THIS_MACHINE.search(line)]
    assert bad_lines(found) == late
    assert (code, found["ok"]) == (int(bool(late)), not late)


def left(device: Device) -> dict[str, Any]:
    """Everything of a self-test that can be found anywhere."""
    found: dict[str, Any] = {
        side: [name for name in database.list_collection_names() if name.startswith((PREFIX, SCRATCH))]
        for side, database in databases(device).items()
    }
    for table, column in LISTS.items():
        query = f"SELECT {column} FROM {table} WHERE CAST({column} AS TEXT) LIKE ?"
        found[table] = device.rows(query, f"%{PREFIX}%")
    for name, field in {
        "_sync_halts": "collection",
        "_sync_conflicts": "c",
        "_sync_rejected": "c",
        "_sync_runs": "collections",
    }.items():
        found[name] = list(device.local[name].find({field: {"$regex": PREFIX}}))
    record = device.local["_sync_metadata"].find_one({"_id": "selftest"}) or {}
    found["made"] = record.get("made", [])
    return {name: value for name, value in found.items() if value}


def test_every_part_passes_and_nothing_is_left(device: Device) -> None:
    before = {side: contents(database) for side, database in databases(device).items()}
    code, found = selftest(device, "--seconds", "3")
    assert_only_late(code, found)
    assert [part["name"] for part in found["parts"]] == DEFAULT
    for part in found["parts"]:
        assert part.keys() == {"name", "ok", "figures", "lines"}
        assert part["lines"], part
        assert all(line.keys() == {"ok", "text"} for line in part["lines"])
    assert not left(device)
    assert {side: contents(database) for side, database in databases(device).items()} == before
    figures = {name: value for part in found["parts"] for name, value in part["figures"].items()}
    assert figures["atlasLaterWinner"] == "atlas"
    assert figures["localLaterWinner"] == "local"
    assert figures["written"] == figures["arrived"] > 0
    assert figures["localToAtlasP99Ms"] >= figures["localToAtlasP50Ms"] > 0
    device.wait_until_idle()
    assert device.rows("SELECT SUM(failed) FROM syncapp_metricminute")[0][0] == 0, (
        "health reports no failures"
    )
    assert "Sync is halted" not in device.lines("listener")


def test_load_writes_for_the_given_time_and_never_more_than_a_share(device: Device) -> None:
    done = device.manage("sync_selftest", "load", "--seconds", "3", "--rate", "9000", timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asked for: 9,000.0, which is more than 25% of the slower side" in done.stdout
    assert "Part" in done.stdout
    assert done.stdout.splitlines()[-1] == "✓ All parts passed"
    assert not left(device)


def start(device: Device, *arguments: str) -> tuple[Any, Path]:
    output = device.home / "selftest.log"
    output.unlink(missing_ok=True)
    return device.start_manage("sync_selftest", *arguments, output=output), output


def excluded(device: Device) -> bool:
    return bool(device.rows("SELECT id FROM syncapp_collectionrule WHERE pattern LIKE ?", f"{PREFIX}%"))


def test_after_kill_9_the_next_start_removes_what_is_left(device: Device) -> None:
    process, _ = start(device, "exclusions", "rules")
    eventually(lambda: excluded(device), "it has excluded its collections", 60)
    eventually(
        lambda: device.atlas.list_collection_names(filter={"name": {"$regex": PREFIX}}), "it writes", 20
    )
    process.kill()
    process.wait(20)
    assert {"atlas", "syncapp_collectionrule", "made"} <= left(device).keys()
    code, found = selftest(device, "replication")
    assert (code, [part["name"] for part in found["parts"]]) == (0, ["replication"]), found
    assert not left(device)


def test_what_was_left_is_removed_while_no_listener_runs_and_halts_nothing_later(device: Device) -> None:
    process, output = start(device, "load", "--seconds", "100")
    eventually(lambda: "One client can write" in output.read_text(), "it measures", 60)
    eventually(lambda: "traffic" in str(left(device).get("local")), "it writes", 20)
    process.kill()
    process.wait(20)
    device.stop("listener")
    code, found = selftest(device, "replication")
    assert code == 1
    assert "No listener is active" in bad_lines(found)[0]
    assert not left(device)
    device.launch("listener")
    device.wait_until_ready(60)
    device.wait_until_settled()
    assert not left(device)
    assert "Sync is halted" not in device.lines("listener")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(device: Device, number: signal.Signals) -> None:
    process, output = start(device, "load", "--seconds", "100")
    eventually(lambda: "traffic" in str(left(device).get("atlas")), "it writes", 60)
    process.send_signal(number)
    assert process.wait(60) == 130
    assert "Interrupted" in output.read_text()
    assert not left(device)


def test_only_one_runs_at_a_time(device: Device) -> None:
    process, _ = start(device, "load", "--seconds", "100")
    eventually(lambda: "traffic" in str(left(device).get("atlas")), "it writes", 60)
    done = device.manage("sync_selftest", "replication")
    assert done.returncode == 1
    assert "A self-test runs already" in done.stderr
    process.send_signal(signal.SIGINT)
    process.wait(60)


@pytest.mark.parametrize(
    ("switches", "line"),
    [({"enabled": False}, "Bidirectional sync is disabled"), ({"paused": True}, "Sync is paused")],
)
def test_what_is_switched_off_is_one_line(device: Device, switches: dict[str, bool], line: str) -> None:
    device.console.switch(**switches)
    try:
        code, found = selftest(device, "replication", "performance")
    finally:
        device.console.switch(**{name: not value for name, value in switches.items()})
    assert (code, found["ok"]) == (1, False)
    assert [len(part["lines"]) for part in found["parts"]] == [1, 1]
    assert all(line in text for text in bad_lines(found))


def test_a_worker_that_is_away_is_one_line(device: Device) -> None:
    device.stop("worker")
    try:
        code, found = selftest(device, "basic", "replication")
    finally:
        device.launch("worker")
        device.wait_until_ready(60)
    assert code == 1
    assert any("No worker answers" in text for text in bad_lines(found))
    assert found["parts"][1]["lines"] == [
        {"ok": False, "text": "Not tested: No worker answers: nothing is transferred"}
    ]


def test_beat_that_is_away_is_one_line(device: Device) -> None:
    device.kill("beat")
    try:
        code, found = selftest(device, "basic")
    finally:
        device.launch("beat")
    assert code == 1
    (line,) = bad_lines(found)
    assert "is beat running" in line
    assert not left(device)


def test_a_rule_of_an_operator_that_matches_them_is_named(device: Device) -> None:
    device.console.exclude("isthmus_*")
    try:
        code, found = selftest(device, "replication")
    finally:
        device.console.include("isthmus_*")
    assert code == 1
    assert "The exclusion isthmus_* matches the scratch collections" in bad_lines(found)[0]


def test_a_database_that_is_away(device: Device) -> None:
    code, found = selftest(device, "basic", "conflicts", MONGODB_ATLAS_URI=DEAD)
    assert code == 1
    first, *_, last = bad_lines(found)
    assert "Atlas cannot be reached" in first
    assert last == "Not tested: Atlas cannot be used: see the part basic"
    assert not left(device)


def test_what_does_not_arrive_fails(device: Device) -> None:
    """A worker that is frozen: it was there when it was asked."""
    for child in device.children():
        os.kill(child, signal.SIGSTOP)
    try:
        code, found = selftest(device, "replication")
    finally:
        for child in device.children():
            os.kill(child, signal.SIGCONT)
    assert code == 1
    assert "the document that was created did not arrive within 30 s" in bad_lines(found)[0]
    device.wait_until_settled()
    assert selftest(device, "replication")[0] == 0
    assert not left(device)


def test_conflicts_follow_the_strategy(device: Device) -> None:
    winners = {"atlas-wins": "atlas", "local-wins": "local", "manual": "open"}
    try:
        for strategy, winner in winners.items():
            device.console.switch(strategy=strategy)
            eventually(
                lambda one=strategy: one in str(device.local["_sync_metadata"].find_one({"_id": "rules"})),
                "it is known",
            )  # type: ignore[misc]
            code, found = selftest(device, "conflicts")
            assert (code, bad_lines(found)) == (0, [])
            figures = found["parts"][0]["figures"]
            assert (figures["atlasLaterWinner"], figures["localLaterWinner"]) == (winner, winner)
    finally:
        device.console.switch(strategy="last-write-wins")
    assert not left(device)


def test_a_breaker_for_two_deletes_is_not_tripped(make_device: MakeDevice) -> None:
    device = make_device(SYNC_HALT_DELETES="1", SYNC_HALT_DELETES_PERCENT="1")
    device.start()
    names = [name for name in DEFAULT if name != "basic"]
    assert_only_late(*selftest(device, *names, "--seconds", "2"))
    device.wait_until_settled()
    assert not left(device)
    assert "Sync is halted" not in device.lines("listener")


def test_a_wrong_name_and_wrong_numbers_are_one_line(device: Device) -> None:
    for arguments, line in {
        ("replicaton",): "There is no part 'replicaton'; allowed: basic, replication,",
        ("load", "--seconds", "0"): "--seconds is 0; allowed: more than 0, at most 3,600",
        ("load", "--rate", "-1"): "--rate is -1; allowed: more than 0, at most 10,000",
    }.items():
        done = device.manage("sync_selftest", *arguments)
        assert done.returncode == 1
        assert line in done.stderr


def ask(device: Device, method: str, body: object = None) -> dict[str, Any]:
    address = f"http://127.0.0.1:{device.settings['PORT']}/api/sync/bidirectional/selftest"
    request = urllib.request.Request(
        address, json.dumps(body).encode() if body is not None else None, method=method
    )
    request.add_header("Authorization", "Token 0123456789abcdef")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return dict(json.load(answer))


def test_the_api_starts_it_in_a_process_of_its_own(device: Device) -> None:
    device.launch("web")
    device.console.run(
        "from django.contrib.auth import get_user_model as model\n"
        "from rest_framework.authtoken.models import Token\n"
        "user = model().objects.create_superuser('ada', 'a@example.com', 'a password of the tests')\n"
        "Token.objects.create(user=user, key='0123456789abcdef')"
    )

    def answers() -> bool:
        try:
            return bool(ask(device, "GET"))
        except (urllib.error.URLError, OSError):
            return False

    eventually(answers, "the web process answers", 60, every=0.2)
    begun = ask(device, "POST", {"parts": ["conflicts", "exclusions"]})
    assert (begun["state"], begun["by"], begun["wanted"]) == ("waiting", "ada", ["conflicts", "exclusions"])
    eventually(lambda: ask(device, "GET")["state"] == "done", "it is done", 90, every=0.5)
    found = ask(device, "GET")
    assert (found["id"], found["ok"], bad_lines(found)) == (begun["id"], True, [])
    assert [part["name"] for part in found["parts"]] == found["wanted"]
    assert not left(device)
    audit = "SELECT username, typed_by FROM syncapp_auditentry LEFT JOIN auth_user u ON u.id = user_id"
    entries = device.rows(f"{audit} ORDER BY syncapp_auditentry.id DESC LIMIT 3")
    assert entries == [(None, ""), (None, ""), ("ada", "")], (
        "she started it; the product excludes and includes"
    )
    device.stop("web")
