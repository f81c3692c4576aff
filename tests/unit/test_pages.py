"""The pages at /docs/: they are built without a broken link, ask no other host, and have a runbook for every reason."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

from monitoring import pages
from monitoring.health.values import RUNBOOKS, Code
from syncapp.conf.settings import BASE_DIR

LOADS = {"src", "srcset", "poster", "data", "action"}  # besides a link's href
# What a page's script would load from elsewhere only for what no page of ours has
NEVER_THERE = ("class=mermaid", 'class="mermaid', "glightbox", 'class="pyodide')


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(folder / "docs/build.sh"), sys.executable]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(BASE_DIR / "docs", folder / "docs")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / ".docs/site"


class Asked(HTMLParser):
    """Addresses that a browser asks for by itself when it shows the page, and the anchors that are there."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value and (name in LOADS or (tag == "link" and name == "href")):
                self.addresses.append(value)
            if value and name == "id":
                self.anchors.add(value)


def test_no_page_asks_another_host(built: Path) -> None:
    found = list(built.rglob("*.html"))
    assert len(found) > 20
    for page in found:
        assert [one for one in Asked(page).addresses if re.match(r"(\w+:)?//", one)] == [], page
        assert not any(word in page.read_text() for word in NEVER_THERE), page
    for sheet in built.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text()), sheet


def test_every_reason_has_its_runbook(built: Path) -> None:
    anchors = Asked(built / "runbooks/index.html").anchors
    assert {str(code) for code in Code} - anchors == set()
    headings = re.findall(r"^## (.+)$", (BASE_DIR / "docs/runbooks.md").read_text(), re.M)
    slugs = {heading.lower().replace(" ", "-") for heading in headings}
    assert slugs - {str(code) for code in Code} == {"django's-database"}, "a runbook without a reason"


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    shutil.copytree(BASE_DIR / "docs", tmp_path / "docs")
    with (tmp_path / "docs/safety.md").open("a") as page:
        page.write("\n[nowhere](runbooks.md#no-such-heading)\n")
    done = build(tmp_path)
    assert done.returncode != 0
    assert "safety.md" in done.stdout + done.stderr
    assert not (tmp_path / ".docs/site").exists()


def read(client: Client, path: str) -> str:
    answered = client.get(path)
    assert answered.status_code == 200, path
    return b"".join(answered).decode()  # which closes it


def test_they_are_served_without_a_login(
    built: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """No database is asked: this test may not use one."""
    monkeypatch.setattr(pages, "SITE", built)
    content = read(client, RUNBOOKS)
    assert "Listener silent" in content
    assert "Start" in read(client, "/docs/")
    styles = re.findall(r'href="(?:\.\./)*(assets/[^"]+\.css)"', content)
    assert styles
    for style in styles:
        assert read(client, f"/docs/{style}")
    assert client.get("/docs/runbooks")["Location"] == RUNBOOKS
    assert client.post("/docs/").status_code == 405
    for nowhere in ("/docs/nothing/", "/docs/../manage.py", "/docs/%2e%2e/%2e%2e/manage.py"):
        assert client.get(nowhere).status_code in (400, 404)


def test_without_pages_it_says_how_to_build_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(pages, "SITE", tmp_path)
    answered = client.get("/docs/")
    assert answered.status_code == 404
    assert b"make docs" in answered.content
