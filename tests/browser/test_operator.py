"""What an operator does, in a real browser on a desk and on a telephone: everything works, nothing runs out of the page,
and it takes few clicks from the dashboard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bson
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, expect
from pymongo.database import Database

from syncapp.core.content import document_key
from syncapp.core.values import Side
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import Counts, Report, State
from syncapp.store.halts import Kind, raise_halt, samples_of
from syncapp.store.names import HALTS, INSTANCE, METADATA, RUNS
from tests.browser.conftest import POLICY, Site, log_in, serve
from tests.support.rows import DEVICE

LONG = "an unusually_long_name_without_any_place_to_break_it " * 4
HERE, THERE = {"_id": 7, "state": "served", "note": LONG}, {"_id": 7, "state": "paid", "note": LONG + "!"}
ROWS = f"""
from datetime import timedelta
from django.contrib.auth.models import Group, User
from django.utils import timezone
from syncapp.services.access import roles
from syncapp.models import Instance
from tests.support import rows
roles.seed()
User.objects.create_user("olga", password="secret").groups.add(Group.objects.get(name="Operators"))
Instance.objects.update(waiting_for="The two databases hold different documents", halts=[rows.halt()])
for number in range(25):
    rows.conflict({{"_id": number}}, {{"_id": number, "x": 1}}, ago=timedelta(minutes=number + 1))
rows.conflict({HERE!r}, {THERE!r})
rows.rejected(reason={LONG!r})
rows.run("done", documents=10, different=1, samples=[
    {{"collection": "orders", "id": rows.extended(7), "what": "different"}}])
"""
PLACES = [
    "", "syncapp/instance/halts/", "syncapp/conflict/", "syncapp/rejectedchange/", "syncapp/syncswitches/",
    "syncapp/collectionrule/", "syncapp/collectionrule/add/", "syncapp/excludedcollection/", "syncapp/validationrule/", "syncapp/validationrule/add/", "syncapp/comparisonrun/",
    "syncapp/instance/", "syncapp/resumetoken/", "syncapp/metricminute/", "syncapp/auditentry/",
]  # fmt: skip
COVERED = """() => {
    window.scrollTo(0, document.documentElement.scrollHeight);
    const rows = document.querySelectorAll("#result_list tr"), row = rows[rows.length - 1];
    if (!row) return false;
    const box = row.getBoundingClientRect();
    return !row.contains(document.elementFromPoint(box.left + 40, box.bottom - 6));
}"""


@dataclass
class Operator:
    """Somebody who clicks, and counts it. Whatever is wrong with a page that comes by is noted."""

    page: Page
    phone: bool
    clicks: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error.stack}"))
        self.page.on("console", lambda said: self.wrong.append(said.text) if POLICY in said.text else None)
        self.page.on(
            "response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )

    def start(self) -> None:
        """Back on the dashboard, with nothing clicked yet."""
        self.page.goto("/admin/")
        expect(self.page.locator(".ist-card")).to_have_count(9)
        self.clicks = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1
        self.look()

    def menu(self, title: str) -> None:
        if self.phone:
            self.page.locator("[aria-label=Menu]:visible").press("Enter")
            self.clicks += 1
        self.click(self.page.locator("#nav-sidebar-apps").get_by_role("link", name=title))

    def look(self) -> None:
        over = self._pixels_too_wide()
        if over > 0:
            self.wrong.append(f"{self.page.url} is {over} pixels too wide")

    def _pixels_too_wide(self) -> int:
        while True:
            self.page.wait_for_load_state()
            try:
                return int(
                    self.page.evaluate(
                        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                    )
                )
            except Error as error:  # what was clicked leads to another page, a moment later
                if "navigation" not in str(error):
                    raise

    def button(self, name: str, place: Page | Locator | None = None) -> None:
        self.click((place or self.page).get_by_role("button", name=name, exact=True))

    def link(self, name: str, place: Page | Locator | None = None) -> None:
        self.click((place or self.page).get_by_role("link", name=name, exact=True))


@pytest.fixture(scope="module")
def busy_home(tmp_path_factory: pytest.TempPathFactory, filled_home: Path) -> Path:
    """A SYNC_HOME in which there is something of everything to do."""
    home = tmp_path_factory.mktemp("operator") / "home"
    shutil.copytree(filled_home, home)
    Site("", home).run(ROWS)
    return home


@pytest.fixture
def operated(
    tmp_path: Path, busy_home: Path, local_db: Database[Any], atlas_db: Database[Any], uris: dict[str, str]
) -> Iterator[Site]:
    """A site on real databases, as a listener leaves them."""
    local_db[METADATA].insert_one({"_id": INSTANCE, "instanceId": DEVICE})
    local_db["orders"].insert_one(HERE | {"state": "cooking"})
    atlas_db["orders"].insert_one(THERE)
    keys = [document_key("orders", bson.encode({"_id": one})) for one in (7, "8 " + LONG)]
    preview = {"deletes": 900, **samples_of(keys)}
    raise_halt(
        local_db, Kind.MASS_DELETE, "900 of 1,000 documents were deleted", side=Side.LOCAL, collection="orders", preview=preview,
    )  # fmt: skip
    report = Report({"orders": Counts(equal=7, different=5, only_local=2, only_atlas=3)})
    first_run_record.save_waiting(local_db, report)
    shutil.copytree(busy_home, tmp_path / "home")
    with serve(tmp_path / "home", tmp_path / "web.log", **uris) as site:
        yield site


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=["desk", "telephone"])
def operator(request: pytest.FixtureRequest, browser: Browser, operated: Site) -> Iterator[Operator]:
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 844}, base_url=operated.address, color_scheme=scheme
    )
    page = context.new_page()
    log_in(page, "olga")
    operator = Operator(page, phone=width < 640)
    yield operator
    context.close()
    assert operator.wrong == []


def test_an_operator_gets_everything_done_in_few_clicks(
    operator: Operator, local_db: Database[Any], atlas_db: Database[Any]
) -> None:
    page, phone = operator.page, operator.phone
    for place in PLACES:
        page.goto(f"/admin/{place}")
        operator.look()
        assert not page.evaluate(COVERED), f"the last row of {place} is covered"

    operator.start()
    operator.menu("Comparison runs")
    operator.button("Verify", page.locator(".isthmus-quick"))
    expect(page.get_by_text("Requested; the listener starts it")).to_be_visible()
    assert local_db[RUNS].find_one({"kind": "verify"})
    with page.expect_response("**/progress/"):
        expect(page.locator(".isthmus-progress")).to_contain_text("Waiting: 0 documents compared, 0 differ")
    assert operator.clicks <= (3 if phone else 2), "verify"

    operator.start()
    operator.menu("Comparison runs")
    with page.expect_response("**/comparisonrun/"):
        expect(page.locator("#result_list"), "the list follows what runs").to_contain_text("Waiting")
    operator.click(page.locator("#result_list tr", has_text="Done").locator("a").first)
    operator.click(page.locator(".isthmus-row.samples a").first)
    expect(page.locator(".isthmus-row.differs", has_text="state")).to_contain_text("cooking")
    assert operator.clicks <= (4 if phone else 3), "a difference"

    operator.start()
    page.get_by_text("Halted: an answer is needed").scroll_into_view_if_needed()
    operator.click(page.locator(".ist-halted"))
    expect(page.get_by_role("link", name="7", exact=True)).to_be_visible()
    operator.button("Restore 900 or more to the local database")
    operator.button("Restore 900 or more to the local database", page.locator("dialog[open]"))
    expect(page.locator(".isthmus-tag.won")).to_have_text("answered")
    assert operator.clicks <= 3, "a halt"
    halt = local_db[HALTS].find_one()
    assert halt is not None
    assert (halt["answer"], halt["answeredBy"]) == ("bring-back", "olga")

    operator.start()
    operator.click(page.locator(".ist-conflict a", has_text="7").first)
    expect(page.locator(".isthmus-row.differs", has_text="state").first).to_contain_text("served")
    expect(page.locator("[hx-get$='/now/']")).to_contain_text("cooking")
    operator.link("Restore the local version")
    expect(page.locator("dialog[open]:focus-within"), "the keyboard is in the dialog").to_be_visible()
    operator.button("Restore", page.locator("#modal-content"))
    expect(page.get_by_text("The local version was restored as a new local change")).to_be_visible()
    assert local_db["orders"].find_one({"_id": 7}) == HERE
    assert operator.clicks <= 3, "a restore"

    operator.start()
    operator.click(page.locator(".ist-card", has_text="Rejected changes").get_by_role("link"))
    operator.click(page.locator("#result_list a[href*=change]").first)
    operator.button("Try again")
    expect(page.get_by_text("1 rejected change will be retried")).to_be_visible()
    assert operator.clicks <= 3, "a retry"

    operator.start()
    operator.menu("Excluded collections")
    page.get_by_label("Pattern").fill("temp_*")
    operator.button("Exclude")
    expect(page.locator("#result_list")).to_contain_text("temp_*")
    assert operator.clicks <= (3 if phone else 2), "an exclusion"

    operator.start()
    operator.menu("Collection rules")
    operator.click(page.locator("a[href$='/collectionrule/add/']").first)
    page.get_by_label("Pattern").fill("orders")
    page.get_by_label("Filter").fill('{"state": {"$gtt": 1}}')
    operator.button("Preview")
    expect(page.locator(".isthmus-errors")).to_contain_text("unknown operator: $gtt")
    page.get_by_label("Filter").fill('{"state": "closed"}')
    page.get_by_label("Numbers").fill("stock = sum")
    logged_in = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You are no longer logged in")
    page.context.add_cookies(logged_in)  # type: ignore[arg-type]
    operator.button("Preview")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#rule-preview")).to_contain_text("1 in conflict")
    operator.button("Save")
    expect(page.locator("#result_list")).to_contain_text("numbers: stock sum")
    expect(page.locator("#result_list")).to_contain_text("Excluded: not pulled from Atlas")
    assert operator.clicks <= (6 if phone else 5), "a rule, twice previewed"

    operator.start()
    operator.link("First run: see the results")
    for answer in ("The local one", "Copy them to the local database", "Leave them here"):
        operator.click(page.get_by_label(answer))
    operator.button("Preview")
    operator.button("Apply")
    expect(page.get_by_text("The choice is being carried out")).to_be_visible()
    assert first_run_record.load(local_db).state is State.CHOSEN
    assert operator.clicks <= 6, "the first run"

    operator.start()
    operator.button("Disable sync")
    operator.button("Disable")
    expect(page.get_by_role("heading", name="Bidirectional sync is disabled")).to_be_visible()
    assert operator.clicks <= 2, "the toggle"
