"""`sync_status` and `sync_toggle`: text, JSON and exit status."""

from __future__ import annotations

import getpass
import io
import json

import pytest
from django.core.management import CommandError, call_command

from syncapp.management.commands.sync_toggle import PAUSED
from syncapp.models import AuditEntry
from syncapp.models.choices import Direction
from syncapp.rules.switches import get_switches
from syncapp.services.switches import change_switches
from tests.support import rows

pytestmark = pytest.mark.django_db


def status(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("sync_status", *arguments, stdout=out)
    return int(ended.value.code or 0), out.getvalue()


def toggle(*arguments: str) -> str:
    out = io.StringIO()
    call_command("sync_toggle", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize(
    ("device", "code", "word"),
    [
        ({}, 0, "healthy"),
        ({"atlas_stream": "connecting"}, 1, "degraded"),
        ({"atlas_reconnects": 10}, 2, "critical"),
    ],
)
def test_the_exit_status_is_that_of_health(device: dict, code: int, word: str) -> None:
    change_switches(enabled=True)
    rows.device(**device)
    assert status()[0] == code
    found, text = status("--json")
    assert (found, json.loads(text)["health"]) == (code, word)


def test_status_shows_reasons_and_both_directions() -> None:
    change_switches(enabled=True)
    rows.device(atlas_stream="disconnected")
    rows.minute(Direction.LOCAL_TO_ATLAS, succeeded=12_345)
    _, text = status()
    assert "degraded  Bidirectional sync is running, but has warnings" in text
    assert "The Atlas change stream has been disconnected for" in text
    assert "12,345" in text


def test_names_of_collections_are_no_mark_up_and_no_lines_of_their_own() -> None:
    change_switches(enabled=True)
    name = "[/] [red]a\nhealthy\u202e"
    rows.device(stuck=[{"side": "local", "collection": name, "since": 0, "error": "no", "still": False}])
    code, text = status()
    assert code == 2
    assert r"changes of [/] [red]a\nhealthy\u202e have been failing" in text


def test_status_before_anything_ran() -> None:
    code, text = status()
    assert code == 2
    assert "Listener seen never" in text


def test_the_toggle_turns_shows_and_is_audited() -> None:
    assert toggle("show").startswith("Bidirectional sync is disabled")
    assert toggle("on") == "Bidirectional sync is enabled"
    assert get_switches().enabled
    assert json.loads(toggle("off", "--json")) == {
        "enabled": False,
        "paused": False,
        "strategy": "last-write-wins",
    }
    assert not get_switches().enabled
    assert AuditEntry.objects.filter(action="set enabled", user=None).count() == 2


def test_the_audit_log_names_who_typed_a_command() -> None:
    toggle("on")
    entry = AuditEntry.objects.get(action="set enabled")
    assert entry.typed_by == getpass.getuser()
    change_switches(enabled=False)
    assert AuditEntry.objects.filter(action="set enabled", typed_by="").exists(), "the product itself"


def test_a_pause_is_mentioned() -> None:
    change_switches(paused=True)
    assert "Sync is paused until it is resumed" in toggle("show")


@pytest.mark.parametrize("way", ["on", "off"])
def test_a_pause_leaves_two_way_and_one_way_as_they_were(way: str) -> None:
    before = toggle(way)
    assert toggle("pause").splitlines() == [before, PAUSED]
    assert get_switches().paused
    assert get_switches().enabled is (way == "on")
    assert json.loads(toggle("pause", "--json"))["paused"] is True
    assert toggle("resume") == before
    assert not get_switches().paused
    entries = AuditEntry.objects.filter(action="set paused").order_by("id")
    assert [(one.detail, one.typed_by) for one in entries] == [
        ("paused: off → on", getpass.getuser()),
        ("paused: on → off", getpass.getuser()),
    ]


def test_another_word_is_refused() -> None:
    with pytest.raises(CommandError, match="choose from"):
        toggle("maybe")
