"""The live page in a real browser: it shows, it follows, and an operator can switch."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, log_in

SWITCHES = (
    "from syncapp.rules.switches import get_switches; print(get_switches().enabled, get_switches().paused)"
)
SILENT = """
from datetime import timedelta
from syncapp.models import Instance
from django.utils import timezone
Instance.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
"""
FRESH = """
from syncapp.models import AlertWatch, Instance
from django.utils import timezone
Instance.objects.update(seen_at=timezone.now(), queue_size=42)
AlertWatch.objects.update_or_create(id=1, defaults={"beat_at": timezone.now()})
"""


def test_it_shows_follows_and_switches(page: Page, site: Site) -> None:
    log_in(page, "admin", "/monitoring/dashboard")
    expect(page.locator("[data-part=directions] svg path.line")).to_have_count(2)
    site.run(FRESH)
    expect(page.locator(".ist-health")).to_have_class(re.compile("is-healthy|is-degraded"), timeout=60_000)
    expect(page.locator(".ist-card", has_text="Pending")).to_contain_text("42", timeout=60_000)

    page.locator(".ist-conflict summary").click()
    expect(page.locator(".ist-conflict tr.differs")).to_contain_text("<b>served</b>")

    site.run(SILENT)
    expect(page.locator(".ist-health.is-critical")).to_contain_text("has not reported", timeout=60_000)
    expect(page.locator(".ist-conflict tr.differs"), "what is open stays open").to_be_visible()

    page.get_by_role("button", name="Disable sync").click()
    page.get_by_role("button", name="Cancel").click()
    assert site.run(SWITCHES) == "True False"
    page.get_by_role("button", name="Disable sync").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.get_by_role("heading", name="Bidirectional sync is disabled")).to_be_visible()
    assert site.run(SWITCHES) == "False False"

    page.get_by_role("button", name="Pause").click()
    page.locator("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert site.run(SWITCHES) == "False True"


def test_whoever_may_only_look_has_no_buttons_and_admin_pages_open(page: Page, site: Site) -> None:
    log_in(page, "viewer", "/monitoring/dashboard")
    expect(page.locator(".ist-cards .ist-card")).to_have_count(9)
    expect(page.locator(".ist-actions button")).to_have_count(0)
    page.get_by_role("link", name="All conflicts").click()
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.locator(".isthmus-row.differs")).to_contain_text("paid")


def test_it_fits_a_telephone(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    log_in(page, "admin", "/monitoring/dashboard")
    expect(page.locator(".ist-charts svg")).to_have_count(6)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


MARK = """
from django.utils import timezone
from syncapp.models import Instance, Mark
now = timezone.now()
Instance.objects.update(seen_at=now, queue_size=1234)
Mark.objects.create(key="1", kind="start", at=now, text="Listener started <b>(till:1)</b>")
"""


def test_the_charts_follow_show_marks_and_rest_while_hidden(page: Page, site: Site) -> None:
    """The fixture `page` fails it if anything is asked of another host."""
    page.clock.install()
    log_in(page, "admin", "/monitoring/dashboard")
    pending = page.locator(".ist-figure", has_text="Pending operations")
    expect(pending.locator("svg text", has_text="1,000")).to_have_count(0)
    site.run(MARK)
    page.clock.run_for(2_100)
    expect(page.locator(".ist-happened")).to_contain_text("Listener started <b>(till:1)</b>")
    expect(pending.locator("svg text", has_text="1,000")).to_have_count(1)
    expect(page.locator(".ist-charts svg line.mark.is-start")).to_have_count(6)
    lasts = page.locator(".ist-figure", has_text="How long each side may be away")
    expect(lasts.locator("svg text", has_text="warning below 12 h")).to_have_count(1)

    page.get_by_role("button", name="Week").click()
    expect(page.get_by_role("button", name="Week")).to_have_attribute("aria-pressed", "true")
    pending.locator(".ist-chart").hover()
    expect(pending.locator(".ist-tip")).to_contain_text("UTC")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(60_000)
    assert asked == [], "a hidden page asks nothing"
    page.evaluate("Object.defineProperty(document, 'hidden', { value: false })")
    with page.expect_request("**/monitoring/live?span=week"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
