"""What the doctor makes of what it was told: tables of facts and findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncapp.core.values import Side
from syncapp.doctor.checks import (
    broker,
    clocks,
    differences,
    disk,
    django_database,
    excluded,
    lifetime,
    oplog,
    privileges,
    refused,
    servers,
    times,
    workers,
)
from syncapp.doctor.checks.differences import Constraints
from syncapp.doctor.checks.oplog import OplogFacts
from syncapp.doctor.checks.privileges import Tried
from syncapp.doctor.checks.servers import ServerFacts
from syncapp.doctor.examine import Line, all_checks, as_document, verdict
from syncapp.doctor.values import Finding, Level
from syncapp.mongo.replica_set import Node, Standing

OK, NOTE, WARNING, FAILED = Level
GB = 1_000_000_000


def levels(findings: object) -> list[Level]:
    return [finding.level for finding in findings]  # type: ignore[attr-defined]


def test_every_file_is_found_and_what_stops_most_is_said_first() -> None:
    assert [f"{check.name} {'+'.join(check.needs)}".strip() for check in all_checks()] == [
        *("settings", "django", "broker", "workers", "disk"),
        *(f"{name} {side}" for name in ("servers", "privileges", "times", "oplog", "disk") for side in Side),
        *("clocks local+atlas", "lifetime local"),
        *(f"{name} local+atlas" for name in ("exclusions", "refused", "differences")),
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ServerFacts(False, "rs0", (6, 0, 5)), [OK, OK]),
        (ServerFacts(False, "rs0", (4, 4, 0)), [OK, OK]),
        (ServerFacts(False, "rs0", (4, 2, 9)), [OK, FAILED]),
        (ServerFacts(False, "", (6, 0, 5)), [FAILED, OK]),
        (ServerFacts(True, "", (6, 0, 5)), [FAILED, OK]),
    ],
)
def test_servers(facts: ServerFacts, expected: list[Level]) -> None:
    found = list(servers.judge(Side.LOCAL, facts))
    assert levels(found) == expected
    assert all(finding.todo for finding in found if finding.level is FAILED)


@pytest.mark.parametrize(
    ("version", "readable", "expected"),
    [((4, 4), False, [WARNING]), ((5, 0), True, [OK]), ((6, 0), True, []), ((8, 0), True, [])],
)
def test_times_that_are_known_to_the_second_only_are_told(
    version: tuple[int, ...], readable: bool, expected: list[Level]
) -> None:
    found = list(times.judge(Side.ATLAS, version, readable))
    assert levels(found) == expected
    assert all("local" in finding.todo for finding in found if finding.level is WARNING)


def test_a_stand_alone_server_is_told_how_to_become_a_replica_set() -> None:
    (alone, _) = servers.judge(Side.LOCAL, ServerFacts(False, "", (6, 0, 5)))
    assert "--replSet rs0" in alone.todo
    assert "rs.initiate()" in alone.todo


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"system": "linux"},
            ["to /etc/mongod.conf the line `replication: {replSetName: rs0}`", "systemctl restart"],
        ),
        ({"system": "macOS"}, ["/opt/homebrew/etc/mongod.conf", "brew services restart mongodb-community"]),
        ({"system": "windows"}, ["mongod.cfg", "Restart-Service MongoDB"]),
        ({"config_file": "/srv/my.conf", "arguments": ("mongod", "-f", "/srv/my.conf")}, ["/srv/my.conf"]),
        ({"has_section": True}, ["below `replication:`, the line `  replSetName: rs0`"]),
        (
            {"arguments": ("mongod", "--bind_ip_all")},
            ["with --replSet", "mongod --bind_ip_all --replSet rs0"],
        ),
        ({"checks_logins": True}, ["keyFile: "]),
    ],
)
def test_the_steps_are_those_of_the_servers_own_system(changes: dict[str, Any], expected: list[str]) -> None:
    node = replace(Node("db:27017", Standing.STAND_ALONE, "rs0", system="linux"), **changes)
    steps = servers.to_do(Side.LOCAL, node).splitlines()
    assert all(any(text in step for step in steps) for text in expected), steps
    assert 'manage.py sync_doctor --fix (or, in mongosh: rs.initiate({_id: "rs0"' in steps[-2]
    assert "--fix" not in servers.to_do(Side.ATLAS, node), "only the local server is changed"


def test_missing_privileges_name_the_role_to_grant() -> None:
    (found,) = privileges.judge(Side.LOCAL, "shop", Tried(("write", "use transactions"), (), "till"))
    assert found.level is FAILED
    assert "'till' may not write, use transactions" in found.text
    assert 'grantRolesToUser("till", [{role: "readWrite", db: "shop"}])' in found.todo
    (nobody,) = privileges.judge(Side.ATLAS, "shop", Tried(("read",), (), ""))
    assert "MONGODB_ATLAS_URI" in nobody.todo
    assert "createUser" in nobody.todo
    assert levels(privileges.judge(Side.LOCAL, "shop", Tried((), (), "till"))) == [OK]
    assert levels(privileges.judge(Side.LOCAL, "shop", Tried((), ("write: no",), "till"))) == [FAILED]


@pytest.mark.parametrize(
    ("atlas_ms", "host_ms", "expected"),
    [(0, 0, [OK, OK]), (1_000, -1_000, [OK, OK]), (-1_001, 0, [WARNING, OK]), (0, 60_000, [OK, WARNING])],
)
def test_clocks(atlas_ms: float, host_ms: float, expected: list[Level]) -> None:
    found = list(clocks.judge(atlas_ms, host_ms, 1_000))
    assert levels(found) == expected
    assert f"{abs(atlas_ms):,} ms" in found[0].text, "the size is said"


@pytest.mark.parametrize(
    ("free", "total", "expected"),
    [
        (50 * GB, 100 * GB, OK),
        (4 * GB, 100 * GB, WARNING),  # less than 5 %
        (0.9 * GB, 2 * GB, WARNING),  # less than 1 GB
        (0.1 * GB, 2 * GB, FAILED),
    ],
)
def test_disks(free: float, total: float, expected: Level) -> None:
    assert disk.judge("SYNC_HOME", free, total).level is expected


@pytest.mark.parametrize(
    ("facts", "expected", "words"),
    [
        (None, NOTE, "cannot be read"),
        (OplogFacts(2, 10, 100), OK, "to its beginning, 2.0 h"),  # young, not short
        (OplogFacts(2, 95, 100), WARNING, "2.0 h"),
        (OplogFacts(30, 95, 100), OK, "72 h are recommended"),
        (OplogFacts(80, 95, 100), OK, "80.0 h"),
        (OplogFacts(400, 95, 100), WARNING, "keeps its batch markers for 336 h"),
    ],
)
def test_oplogs(facts: OplogFacts | None, expected: Level, words: str) -> None:
    found = oplog.judge(Side.ATLAS, facts, keep_hours=336)
    assert (found.level, words in found.text) == (expected, True), found


def test_a_short_oplog_is_told_its_size() -> None:
    found = oplog.judge(Side.LOCAL, OplogFacts(6, 1000 * 10**6, 1000 * 10**6), 336)
    assert "replSetResizeOplog: 1, size: 12000" in found.todo
    longer = oplog.judge(Side.LOCAL, OplogFacts(400, 95, 100), 336)
    assert longer.todo == "Set ORIGIN_TRACKING_KEEP_HOURS=600"


def test_exclusions_that_match_nothing_are_named_but_for_the_defaults() -> None:
    found = list(excluded.judge(["sessions", "tmp_*", "cach?", "_sync_x"], ["cache", "orders"]))
    assert levels(found) == [WARNING]
    assert "'tmp_*'" in found[0].text
    assert levels(excluded.judge(["sessions", "cach?"], ["cache"])) == [OK]


def test_refused_collections_are_a_note() -> None:
    assert levels(refused.judge({"ring": "It is capped on Atlas."})) == [NOTE]
    assert levels(refused.judge({})) == [OK]


@pytest.mark.parametrize(("seconds", "expected"), [(None, NOTE), (20, OK), (30, OK), (31, WARNING)])
def test_transaction_lifetimes(seconds: int | None, expected: Level) -> None:
    assert lifetime.judge(seconds).level is expected


@pytest.mark.parametrize(
    ("policy", "used", "limit", "expected"),
    [
        ("noeviction", 50, 0, []),
        ("allkeys-lru", 50, 0, []),  # without a limit nothing is thrown away
        ("allkeys-lru", 50, 100, [WARNING]),
        ("noeviction", 95, 100, [WARNING]),
        ("volatile-lru", 95, 100, [WARNING, WARNING]),
    ],
)
def test_brokers(policy: str, used: int, limit: int, expected: list[Level]) -> None:
    assert levels(broker.judge(policy, used, limit)) == expected


def test_migrations_that_are_missing_must_be_run() -> None:
    assert django_database.judge(0).level is OK
    assert django_database.judge(2).level is FAILED


def test_constraints_of_one_side_only_are_named() -> None:
    here = Constraints(frozenset({'{"number": 1}', '{"mail": 1}'}), "{}")
    there = Constraints(frozenset({'{"mail": 1}', '{"name": 1}'}), '{"a": 1}')
    found = list(differences.judge("orders", {Side.LOCAL: here, Side.ATLAS: there}))
    assert [finding.text for finding in found] == [
        'orders: only the local side has the unique index {"number": 1}',
        'orders: only Atlas has the unique index {"name": 1}',
        "orders: the validators of the two sides differ",
    ]
    assert not list(differences.judge("orders", {Side.LOCAL: here, Side.ATLAS: here}))


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        ([], "ok", 0),
        ([OK, NOTE], "ok", 0),
        ([WARNING, OK], "warning", 1),
        ([OK, FAILED, WARNING], "failed", 2),
    ],
)
def test_the_worst_counts(found: list[Level], status: str, code: int) -> None:
    lines = [Line("check", Finding(level, "text")) for level in found]
    assert as_document(lines)["status"] == status
    assert verdict(lines).exit_code == code


@pytest.mark.parametrize(
    ("queues", "runs", "level", "said"),
    [
        ({}, True, FAILED, "No worker answers"),
        ({}, False, NOTE, "No worker answers"),
        ({"one": {"atlas_to_local", "local_to_atlas", "maintenance"}}, True, OK, "1 worker answers"),
        ({"one": {"atlas_to_local"}, "two": {"maintenance"}}, True, FAILED, "the queue local_to_atlas"),
    ],
)
def test_workers(queues: dict[str, set[str]], runs: bool, level: Level, said: str) -> None:
    (finding,) = workers.judge(queues, runs)
    assert finding.level is level
    assert said in finding.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("invalid username-password pair or user is disabled.", "refuses the login"),
        ("HELLO must be called with the client already authenticated, otherwise", "refuses the login"),
        ("Error 1 connecting to h:1. [SSL: CERTIFICATE_VERIFY_FAILED] x", "cannot be reached by TLS"),
        ("Error 111 connecting to h:1. Connection refused.", "cannot be reached:"),
    ],
)
def test_a_broker_that_cannot_be_used(text: str, said: str) -> None:
    assert said in broker.judge_error(text).text


def test_another_device_on_the_same_broker() -> None:
    assert levels(broker.judge_devices({"mine", "other"}, "mine")) == [FAILED]
    assert levels(broker.judge_devices({"mine"}, "mine")) == []
    assert levels(broker.judge_devices({"other"}, "")) == [], "it is not known who is the other one"
