"""Is the broker reachable, also for Celery? Does Redis evict keys, and does another device use it?"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import redis
from amqp.exceptions import AMQPError
from celery import current_app
from kombu import Connection
from kombu.exceptions import KombuError
from redis.backoff import NoBackoff
from redis.retry import Retry

from syncapp.conf.broker import Broker, Kind, broker_of, refuses_login
from syncapp.doctor.values import Check, Finding, Level, Setup
from syncapp.mongo.error_text import shorten

SECONDS = 5
REPORTS = "isthmus:*:reports"
LONGEST_IDLE_S = 600  # workers of a running device report more often
MOST_KEYS = 20_000  # scanned for other devices, at most
ERRORS = (redis.RedisError, AMQPError, KombuError, OSError, ValueError)  # of whichever broker
ADVICE = "Changes wait in MongoDB's oplogs meanwhile"
_SECURE = {Kind.REDIS: "rediss", Kind.SENTINEL: "sentinels", Kind.RABBITMQ: "amqps"}
_UNREACHABLE = {
    Kind.REDIS: "Is Redis running, and is CELERY_BROKER_URL right?",
    Kind.SENTINEL: "Do the Sentinels run, and do they know a master of this name (redis-cli -p 26379 sentinel masters)?",
    Kind.RABBITMQ: "Is RabbitMQ running without an alarm (rabbitmq-diagnostics check_local_alarms), and is"
    " CELERY_BROKER_URL right?",
}


def judge(policy: str, used: int, limit: int) -> Iterator[Finding]:
    """`limit`: Redis's maxmemory in bytes; 0: unlimited."""
    if limit and used > 0.9 * limit:
        yield Finding(
            Level.WARNING,
            f"The broker uses {used / 1e6:,.0f} of {limit / 1e6:,.0f} MB",
            "Raise its maxmemory: a full broker accepts no tasks",
        )
    if limit and policy != "noeviction":
        yield Finding(
            Level.WARNING,
            f"The broker evicts keys when its memory is full (maxmemory-policy {policy})",
            "Set maxmemory-policy noeviction: nothing would be lost, but tasks would have to be resent",
        )


def judge_error(text: str, kind: Kind = Kind.REDIS) -> Finding:
    if refuses_login(text):
        what, todo = "refuses the login", "Check user and password (percent-encoded) in CELERY_BROKER_URL"
    elif "CERTIFICATE_VERIFY_FAILED" in text or "SSL" in text:
        what = "cannot be reached by TLS"
        todo = (
            "Name the file of the CA that signed its certificate in CELERY_BROKER_URL:"
            f" {_SECURE[kind]}://…?ssl_ca_certs=/path/ca.pem"
        )
    elif "vhost" in text:
        what, todo = "has no such virtual host", "Make it: rabbitmqctl add_vhost NAME, and set_permissions."
    else:
        what, todo = "cannot be reached", _UNREACHABLE[kind]
    return Finding(
        Level.FAILED,
        f"The broker ({kind}) {what}: {text}",
        f"{todo}{'' if todo.endswith(('?', '.')) else '.'} {ADVICE}",
    )


def judge_devices(devices: Collection[str], mine: str) -> Iterator[Finding]:
    """`devices`: those whose workers have reported through this broker recently."""
    others = sorted(set(devices) - {mine})
    if mine and others:
        yield Finding(
            Level.FAILED,
            f"Another device uses the same broker database: {', '.join(others[:5])}",
            "Give each device its own Redis database: the number at the end of CELERY_BROKER_URL",
        )


def look(setup: Setup) -> Iterator[Finding]:
    if not setup.settings.celery_broker_url:
        return  # reported by the check of the settings
    broker = broker_of(setup.settings.celery_broker_url)
    try:
        ask_as_celery(broker)
        yield Finding(Level.OK, f"The broker ({broker.kind}) answers")
        if broker.kind is not Kind.RABBITMQ:
            yield from _look_at_redis(broker)
    except ERRORS as error:
        cause = _of_a_sentinel(broker) if broker.kind is Kind.SENTINEL else None
        yield judge_error(shorten(str(cause or error)), broker.kind)


def _of_a_sentinel(broker: Broker) -> Exception | None:
    """Why none of them answers, which the error about their master does not say. None: one does."""
    cause = None
    for client in broker.sentinels(SECONDS):
        with client:
            try:
                client.ping()
            except redis.RedisError as error:
                cause = error
            else:
                return None
    return cause


def _look_at_redis(broker: Broker) -> Iterator[Finding]:
    with broker.client(SECONDS, SECONDS, retry=Retry(NoBackoff(), 0)) as client:
        yield from judge(*_memory(client))
        yield from judge_devices(_devices(client), _this_device())


def celery_connection(broker: Broker) -> Connection:
    """As used for tasks."""
    return current_app.connection_for_write(
        url=broker.url, ssl=dict(broker.tls) or None, transport_options=dict(broker.options)
    )


def ask_as_celery(broker: Broker) -> None:
    """Raises what Celery raises: ERRORS."""
    with celery_connection(broker) as connection:
        connection.ensure_connection(max_retries=0, timeout=SECONDS)
        channel: Any = connection.default_channel
        if broker.kind is Kind.RABBITMQ:
            # It is confirmed: with an alarm RabbitMQ takes logins and no messages
            queue = channel.queue_declare(exclusive=True, auto_delete=True).queue
            channel.basic_publish(channel.prepare_message(b""), routing_key=queue)
        else:
            channel.client.ping()


def _memory(client: redis.Redis) -> tuple[str, int, int]:
    """Not every login may read this: then no problem is reported."""
    try:
        info: Any = client.info("memory")
    except redis.ResponseError:
        return "noeviction", 0, 0
    return info.get("maxmemory_policy", "noeviction"), info.get("used_memory", 0), info.get("maxmemory", 0)


def _devices(client: redis.Redis) -> set[str]:
    """The devices that use this broker, by their recently written report streams."""
    from syncapp.apply.reports.values import KEEP_SECONDS

    found = set()
    try:
        for count, key in enumerate(client.scan_iter(REPORTS, count=1_000)):
            left: Any = client.ttl(key)
            if KEEP_SECONDS - left < LONGEST_IDLE_S:
                found.add(key.decode().split(":")[1])
            if count > MOST_KEYS:
                break
    except redis.ResponseError:  # the login lacks the privilege
        pass
    return found


def _this_device() -> str:
    """From its listener's last report; empty: unknown."""
    from django.db import DatabaseError

    from syncapp.models import Instance

    try:
        newest = Instance.objects.exclude(seen_at=None).order_by("-seen_at").values_list("instance_id")
        return str(newest[0][0]) if newest[:1] else ""
    except DatabaseError:
        return ""


CHECKS = (Check("broker", look, place=2),)
