"""Which broker the devices of tests have: Redis, or with TEST_BROKER=rabbitmq in the environment a RabbitMQ. Each device
has one of PLACES of its own there: a database of Redis, a virtual host of RabbitMQ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from kombu import Connection

from syncapp.embedded.redis import Redis
from tests.support.rabbitmq import PASSWORD, RabbitMQ

Broker = Redis | RabbitMQ
NAMES = {"redis": "Redis", "rabbitmq": "RabbitMQ"}  # TEST_BROKER, and what the product calls it
KIND = os.environ.get("TEST_BROKER") or "redis"
if KIND not in NAMES:
    raise pytest.UsageError(f"TEST_BROKER={KIND}: it is one of {', '.join(NAMES)}")
PLACES = 16  # a Redis has no more
QUEUES = ("atlas_to_local", "local_to_atlas", "maintenance")


def new_broker(folder: Path) -> Broker:
    return Redis(folder) if KIND == "redis" else RabbitMQ(folder, hosts=PLACES)


def place(server: Broker, number: int, port: int | None = None) -> str:
    """A CELERY_BROKER_URL. `port`: of a relay that leads to the server."""
    url = server.uri(number) if isinstance(server, RabbitMQ) else f"{server.url.rpartition('/')[0]}/{number}"
    return url.replace(f":{server.port}/", f":{port}/") if port else url


def empty(url: str) -> None:
    """Nothing waits there any more."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return
    with Connection(url) as connection:
        for name in QUEUES:
            connection.default_channel.queue_declare(name, durable=True, auto_delete=False)
            connection.default_channel.queue_purge(name)


@contextmanager
def full(server: Broker) -> Iterator[None]:
    """It refuses what is sent to it, for want of memory."""
    if isinstance(server, RabbitMQ):
        server.control("set_vm_memory_high_watermark", "0")
        try:
            yield
        finally:
            server.control("set_vm_memory_high_watermark", "0.4")
        return
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(redis.OutOfMemoryError):
                client.set("more", "x")
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def other_password(server: Broker) -> Iterator[None]:
    """It refuses the login of those who connect."""
    if isinstance(server, RabbitMQ):
        server.control("change_password", "isthmus", "secret")
        try:
            yield
        finally:
            server.control("change_password", "isthmus", PASSWORD)
        return
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "secret")
    with redis.Redis.from_url(server.url, password="secret") as client:
        try:
            yield
        finally:
            client.config_set("requirepass", "")


def count_waiting(url: str, queue: str) -> int:
    """Tasks that no worker has taken yet."""
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            return int(client.llen(queue))
    with Connection(url) as connection:
        return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
