"""Does Redis answer, and does it keep what it is given?"""

from __future__ import annotations

from collections.abc import Iterator

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from syncapp.doctor.values import Finding, Level, Setup

SECONDS = 5


def judge(policy: str, used: int, limit: int) -> Iterator[Finding]:
    """`limit`: the bytes that Redis may use; 0: all."""
    yield Finding(Level.OK, "The broker (Redis) answers")
    if limit and used > 0.9 * limit:
        yield Finding(
            Level.WARNING,
            f"The broker uses {used / 1e6:,.0f} of {limit / 1e6:,.0f} MB",
            "Raise its maxmemory: a full broker takes no tasks",
        )
    if limit and policy != "noeviction":
        yield Finding(
            Level.WARNING,
            f"The broker throws away keys when its memory is full (maxmemory-policy {policy})",
            "Set maxmemory-policy noeviction: nothing would be lost, but tasks would have to be sent again",
        )


def look(setup: Setup) -> Iterator[Finding]:
    if not setup.settings.celery_broker_url:
        return  # the check of the settings has said so
    client = redis.Redis.from_url(
        setup.settings.celery_broker_url,
        socket_timeout=SECONDS,
        socket_connect_timeout=SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        with client:
            info = client.info("memory")
    except (redis.RedisError, OSError, ValueError) as error:
        yield Finding(
            Level.FAILED,
            f"The broker cannot be reached: {error}",
            "Is Redis running, and is CELERY_BROKER_URL right? Changes wait in MongoDB's oplogs until it is back",
        )
        return
    yield from judge(
        info.get("maxmemory_policy", "noeviction"), info["used_memory"], info.get("maxmemory", 0)
    )
