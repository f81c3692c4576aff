"""All devices of an Atlas: copied from there, shown with what is the matter, named, retired; alerts of those that are gone."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pymongo.database import Database
from rest_framework.test import APIClient
from rich.cells import cell_len

from monitoring import fleet
from monitoring.alerts.evaluate import evaluate
from monitoring.facts import take_snapshot
from monitoring.health.assess import Status
from monitoring.health.limits import DEFAULT
from monitoring.prometheus import exposition
from syncapp.models import Alert, AuditEntry, Device
from syncapp.services import devices as service
from syncapp.services.errors import NotFound, WrongInput
from syncapp.services.switches import change_switches
from syncapp.store import devices
from syncapp.store.devices import DeviceReport
from syncapp.store.heartbeat import Heartbeat, read_there
from tests.api.conftest import ROOT, Change
from tests.support import rows

pytestmark = pytest.mark.django_db
NOW = dt.datetime.now(dt.UTC)
FINE = DeviceReport(version="0.1.0", host="till:1", within_s=15.0, local_stream="connected", atlas_stream="connected", conflicts=0, rejected=0)  # fmt: skip


@pytest.fixture
def atlas(atlas_server: Any, atlas_db: Database[Any], change_settings: Change) -> Database[Any]:
    change_settings(mongodb_atlas_uri=atlas_server.uri(atlas_db.name))
    return atlas_db


def report(atlas: Database[Any], device: str, ago_s: float = 0.0, **values: Any) -> None:
    """As the device's listener wrote it so long ago."""
    at = devices.server_time(atlas) - dt.timedelta(seconds=ago_s)
    document = (
        {**FINE.as_document(), **DeviceReport(**values).as_document()} if values else FINE.as_document()
    )
    changed = {**document, "_id": device, "counter": 1, "nonce": "n", "at": at}
    atlas["_sync_devices"].replace_one({"_id": device}, changed, upsert=True)


def forget_copies() -> None:
    """So that the next look reads Atlas."""
    Device.objects.update(copied_at=timezone.now() - dt.timedelta(minutes=1))


def row(**values: Any) -> Device:
    now = timezone.now()
    given = {"instance_id": "other", "seen_at": now, "copied_at": now, "within_s": 15.0, **values}
    return Device(**given)


def texts(device: Device) -> list[str]:
    return [one.text for one in fleet.troubles(device, DEFAULT)]


def test_every_device_is_listed_the_worst_first_and_this_one_as_its_listener_says(
    atlas: Database[Any], reader: APIClient
) -> None:
    rows.device(queue_size=7)
    report(atlas, rows.DEVICE)
    report(atlas, "fine")
    report(atlas, "away", ago_s=4 * 3600)
    body = reader.get(f"{ROOT}/devices").json()
    assert body["problem"] == ""
    away, mine, fine = (
        body["results"] if body["results"][1]["own"] else [body["results"][i] for i in (0, 2, 1)]
    )
    assert (away["instanceId"], away["isOld"]) == ("away", True)
    assert away["troubles"] == [{"status": "critical", "text": "not seen for 4 h"}]
    assert 14_390 < away["seenSecondsAgo"] < 14_460
    assert (mine["queueSize"], mine["localHeartbeatMs"], mine["own"]) == (7, 12.5, True)
    assert (fine["instanceId"], fine["troubles"], fine["localHeartbeatMs"]) == ("fine", [], None)
    assert reader.get(f"{ROOT}/devices/fine").json()["version"] == "0.1.0"
    assert reader.get(f"{ROOT}/devices/nobody").status_code == 404


def test_while_atlas_is_away_the_last_copy_says_how_old_it_is(
    reader: APIClient, change_settings: Change
) -> None:
    copied_at = timezone.now() - dt.timedelta(hours=4)
    row(copied_at=copied_at, seen_at=copied_at).save()
    change_settings(mongodb_atlas_uri="mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=1")
    rows.device(atlas_stream="disconnected")
    body = reader.get(f"{ROOT}/devices").json()
    assert body["problem"] == "Atlas is not connected", "and nobody waited for it"
    (other,) = (one for one in body["results"] if one["instanceId"] == "other")
    assert other["seenSecondsAgo"] > 14_000
    assert other["troubles"] == [], "nobody knows what came later"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, []),
        ({"pending": 1_500}, ["1,500 changes pending"]),
        ({"push_lag_ms": 90_000}, ["local → Atlas: lag 90 s"]),
        ({"clock_offset_ms": -5_000.0}, ["its clock is 5.0 s ahead of Atlas's"]),
        ({"clock_offset_ms": 5_000.0}, ["its clock is 5.0 s behind Atlas's"]),
        ({"halts": 1, "conflicts": 2, "rejected": 1}, ["1 halt waits for an answer", "2 open conflicts", "1 rejected change"]),
        ({"atlas_stream": "disconnected"}, ["Atlas stream disconnected"]),
        ({"waiting_for": "a choice", "atlas_stream": "connecting"}, ["sync has not started: a choice"]),
        ({"headroom_s": {"local": 9e9, "atlas": 5_400}}, ["Atlas oplog lasts for 1 h 30 min"]),
        ({"stopped_at": NOW}, ["its listener was stopped"]),
        ({"seen_at": None}, ["has not reported yet"]),
    ],
)  # fmt: skip
def test_what_is_the_matter_with_a_device(values: dict[str, Any], expected: list[str]) -> None:
    assert texts(row(**values)) == expected


def test_a_device_that_is_away_says_how_long_its_history_lasts() -> None:
    now = timezone.now()
    away = {"copied_at": now, "headroom_s": {"local": 1, "atlas": 7 * 3600 + 30}}
    (text, *_) = texts(row(seen_at=now - dt.timedelta(hours=4), **away))
    assert text == "not seen for 4 h, its history lasts for 3 h more"
    (text, *_) = texts(row(seen_at=now - dt.timedelta(hours=8), **away))
    assert text == "not seen for 8 h, its history is lost"
    assert texts(row(seen_at=now - dt.timedelta(seconds=20))) == []
    assert texts(row(seen_at=now - dt.timedelta(seconds=30))) == ["has not reported for 30 s"]


def test_a_name_is_shown_by_all_and_outlives_the_next_report(
    atlas: Database[Any], operator: APIClient, local_db: Database[Any]
) -> None:
    beats = Heartbeat(local_db, atlas, "0a1b", FINE.as_document)
    assert beats.beat() is None
    report(atlas, "ffff")
    service.refresh()
    answer = operator.put(f"{ROOT}/devices/0a1b", {"name": "Till 3"}, format="json")
    assert (answer.status_code, answer.json()["name"]) == (200, "Till 3")
    assert beats.beat() is None
    forget_copies()
    assert operator.get(f"{ROOT}/devices/Till 3").json()["instanceId"] == "0a1b"
    answer = operator.put(f"{ROOT}/devices/ffff", {"name": "Till 3"}, format="json")
    assert (answer.status_code, answer.json()["field"]) == (400, "name")
    assert operator.put(f"{ROOT}/devices/0a1b", {"name": ""}, format="json").json()["name"] == ""
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["rename device"] * 2


def test_a_retired_device_is_forgotten_and_comes_back_without_a_halt(
    atlas: Database[Any], operator: APIClient, reader: APIClient, local_db: Database[Any]
) -> None:
    beats = Heartbeat(local_db, atlas, "0a1b", FINE.as_document)
    beats.beat()
    devices.rename(atlas, "0a1b", "Till 3")
    service.refresh()
    assert reader.delete(f"{ROOT}/devices/0a1b").status_code == 403
    assert operator.delete(f"{ROOT}/devices/0a1b").status_code == 204
    assert operator.delete(f"{ROOT}/devices/0a1b").status_code == 404
    assert reader.get(f"{ROOT}/devices").json()["results"] == []
    assert devices.registered(atlas) == []
    kept = atlas["_sync_devices"].find_one({"_id": "0a1b"}) or {}
    assert set(kept) == {"_id", "counter", "nonce", "name", "retiredAt"}
    assert beats.check() is None, "Atlas was not restored"
    assert beats.beat() is None
    (back,) = devices.load_devices(atlas)
    assert (back.name, back.report.version) == ("Till 3", "0.1.0")
    there = read_there(atlas, "0a1b")
    assert there is not None
    assert there.counter == 2


def test_a_device_that_waits_for_an_operator_reports_without_a_heartbeat(
    atlas: Database[Any], local_db: Database[Any]
) -> None:
    beats = Heartbeat(local_db, atlas, "0a1b", FINE.as_document)
    beats.beat()
    before = read_there(atlas, "0a1b")
    assert before is not None
    for nonce in ("of another listener", before.nonce):
        assert devices.load_devices(atlas)[0].report.stopped_at is None
        devices.note_stopped(atlas, "0a1b", nonce)
    assert devices.load_devices(atlas)[0].report.stopped_at is not None
    devices.tell(atlas, "0a1b", DeviceReport(waiting_for="$choose: take-atlas or keep-local"))
    (told,) = devices.load_devices(atlas)
    assert (told.report.waiting_for, told.report.stopped_at) == ("$choose: take-atlas or keep-local", None)
    assert read_there(atlas, "0a1b") == before
    assert beats.check() is None


def test_a_rename_at_the_moment_of_a_beat_is_not_lost(
    atlas: Database[Any], local_db: Database[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = Heartbeat(local_db, atlas, "0a1b", FINE.as_document)
    beats.beat()

    def about() -> dict[str, Any]:  # between the beat's two looks at its document
        devices.rename(atlas, "0a1b", "Till 3")
        return FINE.as_document()

    monkeypatch.setattr(beats, "_about", about)
    assert [beats.beat(), beats.beat()] == [None, None]
    assert [one.name for one in devices.load_devices(atlas)] == ["Till 3"]


def test_a_device_that_is_not_seen_is_an_alert_and_leaves_this_one_s_health_alone() -> None:
    rows.device()
    change_switches(enabled=True)
    now = timezone.now()
    gone = row(seen_at=now - dt.timedelta(hours=4), name="Till 3")
    gone.save()
    row(instance_id=rows.DEVICE, seen_at=now - dt.timedelta(hours=4)).save()
    snapshot = take_snapshot()
    assert (snapshot.health.status, snapshot.health.reasons) == (Status.HEALTHY, ())
    evaluate(by_beat=True)
    alert = Alert.objects.get()
    assert (alert.code, alert.about, alert.severity, alert.state) == (
        "device-not-seen",
        "other",
        "warning",
        "firing",
    )
    assert alert.message.startswith("The device Till 3 has not been seen for 4 h (normal up to 15 min)")
    assert b"isthmus_devices_not_seen 1.0" in exposition()
    gone.delete()  # it was retired
    evaluate(by_beat=True)
    assert Alert.objects.get().state == "resolved"


def test_what_another_version_has_written_does_not_keep_the_others_from_being_seen(
    atlas: Database[Any],
) -> None:
    report(atlas, "fine")
    strange = {
        "_id": "strange",
        "counter": 1,
        "nonce": "n",
        "pending": 10**15,
        "version": ["?"],
        "name": "x" * 500,
    }
    atlas["_sync_devices"].insert_many([strange, {"_id": "y" * 300, "counter": 1, "nonce": "n"}])
    assert service.refresh() == ""
    assert list(Device.objects.values_list("instance_id", "pending")) == [("fine", 0), ("strange", 2**31 - 1)]


def test_headroom_that_is_no_number_is_left_out(atlas: Database[Any]) -> None:
    odd = {"local": "long", "atlas": float("nan"), "other": 7}
    report(atlas, "odd", ago_s=4 * 3600, headroom_s=odd, clock_offset_ms=float("nan"))
    assert service.refresh() == ""
    copied = Device.objects.get()
    assert (copied.headroom_s, copied.clock_offset_ms) == ({}, 0)
    (notice,) = fleet.notices(None, DEFAULT)
    assert notice.text.endswith("(normal up to 15 min)")


def test_two_copies_at_once_forget_nobody(atlas: Database[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process copies at the same moment, by a clock that is behind."""
    report(atlas, "there")
    service.refresh()
    load = devices.load_devices
    behind = timezone.now() - dt.timedelta(minutes=5)

    def meanwhile(database: Database[Any]) -> Any:
        found = load(database)
        Device.objects.update(copied_at=behind)
        row(instance_id="new", copied_at=behind).save()
        return found

    monkeypatch.setattr(devices, "load_devices", meanwhile)
    forget_copies()
    assert service.refresh() == ""
    assert set(Device.objects.values_list("instance_id", flat=True)) == {"there", "new"}


def test_a_copy_from_before_the_clock_was_set_back_is_made_again(atlas: Database[Any]) -> None:
    report(atlas, "there")
    later = timezone.now() + dt.timedelta(hours=3)
    row(instance_id="gone", copied_at=later, seen_at=later).save()
    service.refresh()
    assert [one.instance_id for one in Device.objects.all()] == ["there"]


def test_the_command_lists_renames_and_retires(atlas: Database[Any]) -> None:
    report(atlas, "0a1b", pending=1_500, within_s=15.0)
    report(atlas, "0a2c")

    def run(*arguments: str) -> tuple[str, int]:
        out, status = StringIO(), 0
        try:
            call_command("sync_devices", *arguments, stdout=out)
        except SystemExit as end:
            status = int(end.code or 0)
        return out.getvalue(), status

    text, status = run()
    assert status == 1
    assert "0a1b: 1,500 changes pending" in text
    body, _ = run("--json")
    assert [one["instanceId"] for one in json.loads(body)["results"]] == ["0a1b", "0a2c"]
    with pytest.raises(CommandError, match="what names only one of 0a1b, 0a2c"):
        run("rename", "0a", "Till 3")
    assert run("rename", "0a1", "Till 3")[0] == "0a1b is called Till 3\n"
    assert "0a1b is retired" in run("retire", "Till 3")[0]
    forget_copies()
    assert "0a1b" not in run()[0]
    for wrong in (("retire",), ("rename", "0a2c"), ("list", "0a2c")):
        with pytest.raises(CommandError, match="takes"):
            run(*wrong)


def test_columns_stand_below_each_other_whatever_a_device_is_called(atlas: Database[Any]) -> None:
    report(atlas, "0a1b")
    report(atlas, "0a2c")
    service.rename("0a1b", "レジ [bold]")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("sync_devices", stdout=out)
    first, second = [line for line in out.getvalue().splitlines() if " s ago" in line]
    assert "レジ [bold] (0a1b)" in first + second
    assert len({cell_len(line.partition(" s ago")[0]) for line in (first, second)}) == 1


def test_an_empty_word_names_no_device() -> None:
    """Not the only one without a name: `retire "$NAME"`."""
    rows.fleet_device()
    with pytest.raises(NotFound):
        service.find("")


@pytest.mark.parametrize("name", ["a\nb", "x" * 101])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(WrongInput):
        service.rename("0a1b", name)
