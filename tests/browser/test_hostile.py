"""Names and documents that are HTML: each page shows them as text, and its policy lets no script in."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
ROWS = f"""
from tests.support import rows
from syncapp.rules.switches import audit
from syncapp.models import ComparedCollection, Instance
from django.utils import timezone
evil = {EVIL!r}
one = rows.conflict({{"_id": evil, evil[:60]: evil}}, {{"_id": evil, evil[:60]: 2}}, collection=evil, because=evil)
two = rows.rejected(collection=evil, reason=evil, document=rows.extended({{"_id": evil, evil[:60]: evil}}),
                    document_id=rows.extended(evil), other_id=rows.extended(evil), other_document=rows.extended({{"_id": evil}}))
run = rows.run("done", documents=1, different=1, collections=[evil], error=evil, samples=[
    {{"collection": evil, "id": rows.extended(evil), "what": "different"}}])
rows.alert(message=evil, about=evil)
audit(None, evil[:90], evil, {{evil: evil}}, {{evil: evil}})
ComparedCollection.objects.create(collection=evil, compared_at=timezone.now(), documents=1)
Instance.objects.update(refused={{evil: evil}}, last_error=evil, halts=[{{**rows.halt(), "detail": evil}}], clock_warning=evil)
print(one.pk, two.pk, run.pk, Instance.objects.get().pk)
"""


def test_html_in_names_and_documents_is_text_on_every_page(page: Page, site: Site) -> None:
    conflict, rejected, run, device = site.run(ROWS).split()
    page.goto("/admin/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")
    expect(page.locator(".ist-card")).to_have_count(9)
    for place in (
        "", "syncapp/conflict/", f"syncapp/conflict/{conflict}/change/", "syncapp/rejectedchange/",
        f"syncapp/rejectedchange/{rejected}/change/", "syncapp/comparisonrun/", f"syncapp/comparisonrun/{run}/change/",
        "syncapp/comparedcollection/", "syncapp/alert/", "syncapp/auditentry/", f"syncapp/instance/{device}/change/",
    ):  # fmt: skip
        page.goto(f"/admin/{place}")
        if place != "syncapp/comparisonrun/":  # names no collection
            expect(page.locator("body")).to_contain_text("window.hacked=1")
        assert page.evaluate("window.hacked") is None, place
        assert page.locator("img[src=x]").count() == 0, place


def test_a_script_that_was_smuggled_in_does_not_run(browser: Browser, site: Site) -> None:
    page = browser.new_page(base_url=site.address)
    page.goto("/admin/login/")
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked=1'}))"
        )
    assert page.evaluate("window.hacked") is None
    page.close()
