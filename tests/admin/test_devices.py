"""The page of all devices: what is the matter with each, how old that is; names and retirement."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pymongo.database import Database

from syncapp.models import Device
from syncapp.store.devices import DeviceReport
from syncapp.store.heartbeat import Heartbeat
from tests.admin.conftest import change_settings  # noqa: F401  (a fixture)
from tests.api.conftest import Change
from tests.support import rows

pytestmark = pytest.mark.django_db
LIST = reverse("admin:syncapp_device_changelist")


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "secret"))
    return client


def test_the_worst_is_first_and_old_figures_say_how_old_they_are(root: Client) -> None:
    rows.device()
    copied = timezone.now() - dt.timedelta(minutes=1)
    then = {"copied_at": copied, "seen_at": copied}
    rows.fleet_device(name="Till 1", **then)
    rows.fleet_device(instance_id="c" * 36, pending=1_500, **then)
    old = {**then, "seen_at": copied - dt.timedelta(hours=4)}
    rows.fleet_device(instance_id="b" * 36, name="Till 2", pending=7, **old)
    text = root.get(LIST).content.decode()
    assert "Atlas is not configured" in text, "what is shown is the last copy"
    assert text.index("Till 2") < text.index("c" * 8) < text.index("Till 1 (this one)")
    assert "7 (4 h ago)" in text
    assert "1,500<" in text.replace("\n", "").replace(" ", "")
    page = root.get(reverse("admin:syncapp_device_change", args=[Device.objects.get(name="Till 2").pk]))
    assert "not seen for 4 h" in page.content.decode()


def test_a_device_is_named_and_retired_on_its_page(
    superuser: Client,
    viewer: Client,
    atlas_server: Any,
    local_db: Database[Any],
    atlas_db: Database[Any],
    change_settings: Change,  # noqa: F811
) -> None:
    change_settings(mongodb_atlas_uri=atlas_server.uri(atlas_db.name))
    Heartbeat(local_db, atlas_db, "0a1b", DeviceReport().as_document).beat()
    Device.objects.update(copied_at=timezone.now() - dt.timedelta(minutes=1))
    superuser.get(LIST)
    device = Device.objects.get(instance_id="0a1b")
    rename, retire = (
        reverse(f"admin:syncapp_device_{name}", args=[device.pk]) for name in ("rename", "retire")
    )
    for address in (rename, retire):
        assert viewer.post(address, {"_form_submitted": "on"}).status_code == 403
    page = reverse("admin:syncapp_device_change", args=[device.pk])
    assert rename in superuser.get(page).content.decode()
    assert rename not in viewer.get(page).content.decode()
    assert superuser.post(rename, {"_form_submitted": "on", "name": "Till 3"}).headers["HX-Redirect"] == page
    assert atlas_db["_sync_devices"].find_one({"_id": "0a1b"}, {"_id": 0, "name": 1}) == {"name": "Till 3"}
    assert "It is called Till 3" in superuser.get(page).content.decode()
    assert superuser.post(retire, {"_form_submitted": "on"}).headers["HX-Redirect"] == LIST
    assert "Till 3" not in superuser.get(LIST).content.decode().replace("Till 3 is retired", "")
