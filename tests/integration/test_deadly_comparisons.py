"""A document that ends the worker's process that compares it (for want of memory, or by a crash) is left out of the
comparison, which says so, and goes on with all others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from syncapp.store.run import PAGE
from tests.integration.conftest import MakeDevice
from tests.support.deadly_ids import COMPARED, COMPARED_BY_GROUP
from tests.support.device import Device
from tests.support.eventually import eventually
from tests.support.processes import manage
from tests.support.rabbitmq import RabbitMQ

pytestmark = pytest.mark.timeout(300)
OTHERS = PAGE + 500
LEFT_OUT = "1 document was not compared: a worker process ended each time it read it alone"


@pytest.fixture
def shop(make_device: MakeDevice) -> Device:
    """A device whose worker the deadly document ends when it is compared; to carry it harms nobody."""
    device = make_device(SYNC_APPLY_WORKERS="1")
    device.worker_options = ("-I", "tests.support.deadly")
    device.keep_running = True
    device.local["shop"].insert_many([{"_id": number, "v": 0} for number in range(OTHERS)])
    device.start()
    device.wait_until_settled()
    return device


def run_of(device: Device) -> dict[str, Any]:
    return device.local["_sync_runs"].find_one({}, sort=[("requestedAt", -1)]) or {}


def is_over(device: Device) -> bool:
    device.revive()
    return run_of(device)["state"] not in ("waiting", "running")


def lose_the_token(device: Device) -> None:
    """Everything is different on Atlas, and only a comparison finds it; the deadly document is the last."""
    device.stop("listener")
    device.local["_sync_metadata"].delete_one({"_id": "atlas-resume-token"})
    device.atlas["shop"].update_many({}, {"$set": {"v": 1}})
    device.atlas["shop"].insert_one({"_id": COMPARED, "v": 1})
    device.launch("listener")
    device.wait_until_ready(60)


def wait_for_the_run(device: Device) -> dict[str, Any]:
    eventually(lambda: run_of(device)["why"] == "resume token missing", "it is asked for", 60)
    eventually(lambda: is_over(device), "it is over", 200, 0.2)
    return run_of(device)


def test_a_resync_leaves_out_what_ends_processes_and_has_live_sync_look_at_it(shop: Device) -> None:
    lose_the_token(shop)
    run = wait_for_the_run(shop)
    assert run["state"] == "done"
    assert run["error"].startswith(LEFT_OUT)
    assert (run["leftOut"], run["counts"]["documents"]) == (1, OTHERS + 1)
    for event in ("process_lost", "left_out"):  # written after the run was saved
        shop.wait_for_line("worker", f"event_name={event}", 10)
    shop.wait_until_settled(120)
    assert shop.local["shop"].find_one({"_id": COMPARED}) == {"_id": COMPARED, "v": 1}
    assert shop.local["shop"].count_documents({"v": 1}) == OTHERS + 1
    eventually(lambda: LEFT_OUT in _health(shop), "health says it", 30)


def test_a_verification_says_what_it_did_not_compare(shop: Device) -> None:
    shop.local["shop"].insert_one({"_id": COMPARED, "v": 0})
    shop.wait_until_settled()
    done = manage("sync_verify", home=shop.home, timeout=250, **shop.settings)
    assert done.returncode == 1
    assert LEFT_OUT in done.stdout
    assert f"1 of {OTHERS + 1:,} documents differ" in done.stdout
    assert COMPARED in done.stdout


def test_a_broker_that_redelivers_at_once_does_not_end_workers_for_ever(
    make_device: MakeDevice, rabbitmq_server: RabbitMQ
) -> None:
    device = make_device(SYNC_APPLY_WORKERS="1", CELERY_BROKER_URL=rabbitmq_server.uri(0))
    device.worker_options = ("-I", "tests.support.deadly")
    device.keep_running = True
    device.local["shop"].insert_many([{"_id": number} for number in range(20)])
    device.local["shop"].insert_one({"_id": COMPARED_BY_GROUP, "v": 0})
    device.start()
    device.wait_until_settled()
    verify = device.start_manage("sync_verify", output=device.home / "verify.log")
    eventually(lambda: run_of(device).get("kind") == "verify", "it is asked for", 30)
    eventually(lambda: is_over(device), "it is over", 200, 0.2)
    assert (run_of(device)["state"], run_of(device)["leftOut"]) == ("done", 1)
    assert verify.wait(60) == 1
    # Pages of 1,000, 100, 10 and 1, the last of them three times
    assert device.log("worker").read_text().count("=== start") <= 10


def kill_the_group(device: Device) -> None:
    device.kill("worker")
    device.launch("worker")
    device.wait_for_line("worker", " ready.", 60)


def kill_the_child(device: Device) -> None:
    device.kill_child()


@pytest.mark.parametrize("hurt", [kill_the_group, kill_the_child])
def test_nothing_is_left_out_for_a_worker_that_is_killed(
    make_device: MakeDevice, hurt: Callable[[Device], None]
) -> None:
    device = make_device(SYNC_COMPARE_RATE="400", SYNC_REPORT_TIMEOUT="1000")
    device.local["shop"].insert_many([{"_id": number} for number in range(OTHERS)])
    device.start()
    device.wait_until_settled()
    device.stop("listener")
    device.local["_sync_metadata"].delete_one({"_id": "atlas-resume-token"})
    device.launch("listener")
    device.wait_until_ready(60)
    eventually(lambda: run_of(device)["counts"]["documents"] > 0, "it is under way", 30)
    hurt(device)
    run = wait_for_the_run(device)
    assert (run["state"], run["error"], run["leftOut"]) == ("done", "", 0)
    assert run["counts"]["documents"] == OTHERS


def _health(device: Device) -> str:
    status = manage("sync_status", "--json", home=device.home, **device.settings)
    return json.dumps(json.loads(status.stdout), ensure_ascii=False)
