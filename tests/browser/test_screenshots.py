"""The pictures of pages in the documents. `make screenshots` takes them again, as the pages are now.

Here each is taken too, so that all can be; and the documents show just these.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from playwright.sync_api import Browser, Page, expect
from pymongo.database import Database

from syncapp.conf.settings import BASE_DIR
from syncapp.core.content import document_key
from syncapp.core.values import Side
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import Counts, Report
from syncapp.store.halts import Kind, raise_halt, samples_of
from syncapp.store.names import INSTANCE, METADATA
from tests.browser.conftest import Site, home_with, log_in, serve
from tests.support.documents import PAGES
from tests.support.rows import DEVICE

FOLDER = "screenshots"
SHOWN = re.compile(rf"\]\((?:\.\./|docs/)?{FOLDER}/([\w-]+)\.png\)")
TILL = {"_id": "A-1001", "table": 4, "state": "served", "total": 23.5, "guests": 2}
WEB = {"_id": "A-1001", "table": 4, "state": "paid", "total": 23.5, "guests": 2, "paidBy": "card"}
SHOP = f"""
from datetime import timedelta
from math import sin
from django.contrib.auth.models import User
from django.utils import timezone
from syncapp.models import AlertWatch, CollectionRule
from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from tests.support import rows
User.objects.create_superuser("admin", "admin@example.com", "secret")
change_switches(enabled=True)
now = timezone.now()
up, down = Direction.LOCAL_TO_ATLAS, Direction.ATLAS_TO_LOCAL
rows.device(holder="till-3:812", queue_size=2)
for n in range(61):
    ago, pushed, pulled = timedelta(minutes=n), int(300 + 90 * sin(n / 7) + 40 * sin(n)), int(210 + 60 * sin(n / 5))
    rows.minute(up, ago, 21, inserts=pushed // 2, updates=pushed // 2, deletes=0, succeeded=pushed)
    rows.minute(down, ago, 14, inserts=pulled // 3, updates=pulled - pulled // 3, deletes=0, succeeded=pulled)
    for direction in (up, down):
        rows.processing_times(direction, {{10: 90, 20: 120, 50: 40, 100: 6}}, ago)
for name, pushed, pulled in (("orders", 15_210, 320), ("menuitems", 12, 8_100), ("customers", 2_410, 4_020)):
    rows.collection(name, up, updates=pushed)
    rows.collection(name, down, updates=pulled)
written = now - timedelta(minutes=8)
rows.conflict({TILL!r}, {WEB!r}, ago=timedelta(minutes=7), local_time=written - timedelta(seconds=2), atlas_time=written,
    fields=["state", "paidBy"],
    because="last write wins: Atlas's version of 12:00:05.120 UTC (written on Atlas) is newer than the local one of "
    f"12:00:03.004 UTC (device {{rows.DEVICE}})")
CollectionRule.objects.create(pattern="orders", priority=10, document={{"pattern": "orders", "priority": 10, "strategy": "field-merge", "filter": {{"shop": "north"}},
    "numbers": {{"stock": "sum"}}, "arrays": {{"lines": {{"key": "sku"}}}}, "maskedFields": ["customer.phone"]}})
"""
NOW = """
from django.utils import timezone
from syncapp.models import AlertWatch, Instance
Instance.objects.update(seen_at=timezone.now())
AlertWatch.objects.update_or_create(id=1, defaults={"beat_at": timezone.now()})
"""


@pytest.fixture(scope="module")
def shop_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SYNC_HOME after an hour of ordinary work."""
    return home_with(SHOP, tmp_path_factory.mktemp("shop") / "home")


@pytest.fixture
def shop(
    tmp_path: Path, shop_home: Path, local_db: Database[Any], atlas_db: Database[Any], uris: dict[str, str]
) -> Iterator[Site]:
    local_db[METADATA].insert_one({"_id": INSTANCE, "instanceId": DEVICE})
    for database in (local_db, atlas_db):
        database["orders"].insert_one(WEB)
    shutil.copytree(shop_home, tmp_path / "home")
    with serve(tmp_path / "home", tmp_path / "web.log", **uris) as site:
        yield site


@pytest.fixture
def page(browser: Browser, shop: Site) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, base_url=shop.address, color_scheme="light"
    )
    page = context.new_page()
    log_in(page, "admin")
    yield page
    context.close()


def dashboard(page: Page, shop: Site, local: Database[Any]) -> None:
    shop.run(NOW)
    page.goto("/admin/")
    expect(page.locator("[data-part=directions] svg path.line")).to_have_count(2)
    expect(page.locator(".ist-health.is-healthy")).to_be_visible()


def conflict(page: Page, shop: Site, local: Database[Any]) -> None:
    page.goto("/admin/syncapp/conflict/")
    page.get_by_role("link", name="A-1001").click()
    expect(page.get_by_text("Restore the local version")).to_be_visible()


def rule(page: Page, shop: Site, local: Database[Any]) -> None:
    page.goto("/admin/syncapp/collectionrule/")
    page.get_by_role("link", name="orders").first.click()
    expect(page.get_by_text("Preview", exact=True)).to_be_visible()


def halt(page: Page, shop: Site, local: Database[Any]) -> None:
    keys = [document_key("orders", bson.encode({"_id": f"A-{number}"})) for number in (1001, 1002, 1003)]
    raise_halt(
        local, Kind.MASS_DELETE, "900 of 1,000 documents were deleted", side=Side.LOCAL, collection="orders",
        preview={"deletes": 900, **samples_of(keys)},
    )  # fmt: skip
    page.goto("/admin/syncapp/instance/halts/")
    expect(page.get_by_text("900 of 1,000").first).to_be_visible()


def first_run(page: Page, shop: Site, local: Database[Any]) -> None:
    counts = {"orders": Counts(equal=15_100, different=12, only_local=240, only_atlas=35)}
    counts |= {"menuitems": Counts(equal=180, different=0, only_local=0, only_atlas=14)}
    first_run_record.save_waiting(local, Report(counts))
    page.goto("/admin/syncapp/instance/first-run/")
    expect(page.get_by_text("15,100").first).to_be_visible()


PICTURES: dict[str, Callable[[Page, Site, Database[Any]], None]] = {
    "dashboard": dashboard,
    "conflict": conflict,
    "rule": rule,
    "halt": halt,
    "first-run": first_run,
}


def test_the_documents_show_pages_as_they_are_taken_here(
    page: Page, shop: Site, local_db: Database[Any], tmp_path: Path
) -> None:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    for name, show in PICTURES.items():
        show(page, shop, local_db)
        page.screenshot(path=folder / f"{name}.png")
    shown = {found for text in PAGES for found in SHOWN.findall(text.read_text())}
    assert shown == set(PICTURES)
    assert {file.stem for file in (BASE_DIR / "docs" / FOLDER).iterdir()} == set(PICTURES)
