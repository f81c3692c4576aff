"""The web process as it runs in production (gunicorn, DJANGO_DEBUG=false), and a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pymongo.database import Database

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.mongod import Mongod
from syncapp.embedded.ports import free_port
from tests.support.eventually import eventually
from tests.support.processes import environment, manage

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

expect.set_options(timeout=30_000)  # ms; the default of 5 s is short for a machine that does other work

POLICY = "Content Security Policy"  # in what the browser says of what it has refused

ROWS = """
from datetime import timedelta
from django.contrib.auth.models import Permission, User
from syncapp.models.choices import Direction
from syncapp.services.switches import change_switches
from tests.support import rows
User.objects.create_superuser("admin", "admin@example.com", "secret")
viewer = User.objects.create_user("viewer", password="secret", is_staff=True)
viewer.user_permissions.set(Permission.objects.filter(codename__regex="^(view_|see_bodies)"))
change_switches(enabled=True)
rows.device(queue_size=7)
for n in range(20):
    rows.minute(Direction.ATLAS_TO_LOCAL, timedelta(minutes=n), succeeded=60 * n)
rows.conflict({"_id": 1, "status": "<b>served</b>"}, {"_id": 1, "status": "paid"})
"""


@dataclass(frozen=True)
class Site:
    address: str
    home: Path

    def run(self, code: str) -> str:
        """Code in a process of its own, against the same database: as the listener would write."""
        done = manage("shell", "--no-imports", "-c", code, home=self.home)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def home_with(rows: str, home: Path) -> Path:
    """A new SYNC_HOME with these rows, to be copied."""
    assert manage("migrate", "--verbosity", "0", home=home).returncode == 0
    Site("", home).run(rows)
    return home


def log_in(page: Page, name: str, place: str = "/admin/login/") -> None:
    """By way of `place`, up to the dashboard."""
    page.goto(place)
    page.fill("[name=username]", name)
    page.fill("[name=password]", "secret")
    page.click("button[type=submit]")
    expect(page.locator("#isthmus")).to_be_visible()


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_with(ROWS, tmp_path_factory.mktemp("browser") / "home")


@pytest.fixture
def uris(
    local_db: Database[Any], atlas_db: Database[Any], local_server: Mongod, atlas_server: Mongod
) -> dict[str, str]:
    """The settings that name a test's two databases."""
    return {
        "MONGODB_URI": local_server.uri(local_db.name),
        "MONGODB_ATLAS_URI": atlas_server.uri(atlas_db.name),
    }


@contextmanager
def serve(home: Path, log: Path, **settings: str) -> Iterator[Site]:
    """The web process on this SYNC_HOME, until the block ends."""
    port = free_port()
    site = Site(f"http://127.0.0.1:{port}", home)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "syncproject.wsgi",
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        "4",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment(home, PORT=str(port), **settings),
            cwd=BASE_DIR,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

        def is_up() -> bool:
            try:
                urllib.request.urlopen(f"{site.address}/api/health", timeout=2).close()
            except OSError:
                assert process.poll() is None, log.read_text()
                return False
            return True

        try:
            eventually(is_up, "the web process answers", timeout=30)
            yield site
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def site(tmp_path: Path, filled_home: Path) -> Iterator[Site]:
    shutil.copytree(filled_home, tmp_path / "home")
    with serve(tmp_path / "home", tmp_path / "web.log") as site:
        yield site


# Not longer than its module: while Playwright runs, Django refuses to work in this thread
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page that fails the test when anything on it fails: a script, a file, an address elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=site.address)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if POLICY in said.text else None)
    page.on("response", lambda r: wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("request", lambda r: None if r.url.startswith(("data:", site.address)) else wrong.append(r.url))
    yield page
    context.close()
    assert wrong == []
