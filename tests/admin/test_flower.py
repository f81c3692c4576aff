"""Flower behind the staff's login: the real one, and it can only be looked at."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.ports import free_port
from syncapp.embedded.redis import Redis
from tests.api.conftest import Change
from tests.support.eventually import eventually
from tests.support.processes import environment

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def flower_address(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    options = {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": "isthmus:secret",
        "FLOWER_URL_PREFIX": "flower",
    }
    home = tmp_path_factory.mktemp("flower")
    output = (home / "out").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "syncproject", "flower"],
        env=environment(home, CELERY_BROKER_URL=redis_server.url, **options),
        cwd=BASE_DIR,
        stdout=output,
        stderr=subprocess.STDOUT,
    )

    def is_up() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/flower/healthcheck", timeout=2).close()
        except OSError:
            assert process.poll() is None, Path(home / "out").read_text()
            return False
        return True

    try:
        eventually(is_up, "Flower answers", timeout=40)
        yield f"http://isthmus:secret@127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        output.close()


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("staff", is_staff=True))
    return client


def test_staff_see_pages_style_and_figures(
    staff: Client, flower_address: str, change_settings: Change
) -> None:
    change_settings(sync_flower_url=flower_address)
    page = staff.get("/flower/")
    assert page.status_code == 200
    assert "Flower" in page.content.decode()
    assert page.content.decode().count('<a href="/admin/">') == 1, "the way back"
    style = staff.get("/flower/static/css/flower.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css")
    for address in ("/flower/tasks", "/flower/broker", "/flower/workers?json=1"):
        assert staff.get(address).status_code == 200, address
    assert staff.get("/flower").headers["Location"] == "/flower/"


def test_the_table_of_tasks_is_asked_for_by_post_and_answered(
    staff: Client, flower_address: str, change_settings: Change
) -> None:
    change_settings(sync_flower_url=flower_address)
    query = "draw=1&start=0&length=10&search%5Bvalue%5D=&order%5B0%5D%5Bcolumn%5D=0&order%5B0%5D%5Bdir%5D=asc"
    query += "&columns%5B0%5D%5Bdata%5D=name"
    answer = staff.post("/flower/tasks/datatable", query, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    assert answer.json()["recordsTotal"] == 0


@pytest.mark.parametrize(
    "address", ["/flower/api/worker/shutdown/x", "/flower/api/task/revoke/x", "/flower/"]
)
def test_nothing_can_be_done_through_this_door(staff: Client, address: str, change_settings: Change) -> None:
    change_settings(sync_flower_url="http://127.0.0.1:1")
    for method in ("post", "put", "delete", "patch"):
        assert getattr(staff, method)(address).status_code == 405


def test_others_are_sent_to_the_login(db: None, change_settings: Change) -> None:
    change_settings(sync_flower_url="http://127.0.0.1:1")
    client = Client()
    assert client.get("/flower/tasks").headers["Location"] == "/admin/login/?next=/flower/tasks"
    client.force_login(User.objects.create_user("somebody"))
    assert client.get("/flower/tasks").status_code == 302


def test_flower_that_is_away_is_said(staff: Client, change_settings: Change) -> None:
    change_settings(sync_flower_url="http://127.0.0.1:1")
    answer = staff.get("/flower/")
    assert answer.status_code == 502
    page = answer.content.decode()
    assert "Flower cannot be reached" in page
    assert 'href="/"' in page, "the way back"


def test_without_an_address_there_is_no_page_and_no_link(staff: Client, change_settings: Change) -> None:
    assert staff.get("/flower/").status_code == 404
    assert "/flower/" not in staff.get("/admin/").content.decode()
    change_settings(sync_flower_url="http://127.0.0.1:1")
    assert 'href="/flower/"' in staff.get("/admin/").content.decode()
