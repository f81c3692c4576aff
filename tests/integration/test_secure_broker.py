"""A broker with TLS and a private authority: whoever talks to it verifies it by the same options."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.redis import Redis
from tests.integration.conftest import MakeDevice
from tests.support.certificates import Authority, make_authority
from tests.support.processes import environment
from tests.support.relay import Relay

# Each way in which the product reaches the broker: True, or what it says
TALK = """
import asyncio, json
from flower.utils.broker import Broker as FlowerBroker
import django
django.setup()
from syncapp.conf.settings import get_settings
from syncapp.streams import reports
from syncproject.celery import app

def celery():
    with app.connection_for_write() as connection:
        connection.default_channel.client.ping()

def flower():
    broker = FlowerBroker(
        app.connection().as_uri(include_password=True), broker_options=app.conf.broker_transport_options,
        broker_use_ssl=app.conf.broker_use_ssl)
    asyncio.run(broker.queues(["maintenance"]))

def answer(talk):
    try:
        talk()
        return True
    except Exception as error:
        return str(error)

url = get_settings().celery_broker_url
print(json.dumps({"celery": answer(celery), "flower": answer(flower), "reports": answer(reports.connect(url).ping)}))
"""


@dataclass(frozen=True)
class SecureBroker:
    bare_url: str
    authority: Authority

    @property
    def url(self) -> str:
        return self.url_with(self.authority)

    def url_with(self, authority: Authority) -> str:
        """The address for one who believes this authority."""
        return f"{self.bare_url}?ssl_ca_certs={authority.ca}"


@pytest.fixture(scope="module")
def broker(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    authority = make_authority(tmp_path_factory.mktemp("secure"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.server)
    relay = Relay(redis_server.port, context)  # the wheel's server speaks no TLS itself
    try:
        yield SecureBroker(f"rediss://127.0.0.1:{relay.port}/15", authority)
    finally:
        relay.close()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("other"))


def talk(home: Path, url: str, **more: str) -> dict[str, bool | str]:
    done = subprocess.run(
        [sys.executable, "-c", TALK],
        env=environment(home, CELERY_BROKER_URL=url, **more),
        cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_all_verify_by_the_same_authority(broker: SecureBroker, other: Authority, tmp_path: Path) -> None:
    everybody = dict.fromkeys(("celery", "flower", "reports"), True)
    assert talk(tmp_path, broker.url) == everybody
    assert talk(tmp_path, broker.bare_url, SSL_CERT_FILE=str(broker.authority.ca)) == everybody
    for url in (broker.bare_url, broker.url_with(other)):
        for name, answer in talk(tmp_path, url).items():
            assert "CERTIFICATE_VERIFY_FAILED" in str(answer), f"{name}: {answer}"
    assert talk(tmp_path, f"{broker.bare_url}?ssl_cert_reqs=none") == everybody


def test_tasks_and_reports_travel(broker: SecureBroker, make_device: MakeDevice) -> None:
    device = make_device(CELERY_BROKER_URL=broker.url)
    device.start()
    device.local["orders"].insert_many({"_id": number} for number in range(20))
    device.atlas["menu"].insert_one({"_id": 1})
    device.wait_until_settled()
