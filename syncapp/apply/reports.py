"""The workers' reports to the listener: a capped Redis stream per epoch.

Nothing depends on it: after a lost report the listener re-queues the keys. Beside it, the superseded
tasks: workers skip these.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import redis

from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.conf.broker import broker_of

MAX_ENTRIES = 20_000
KEEP_SECONDS = 86_400


def stream_name(instance_id: str, epoch: int) -> str:
    """Late reports of an earlier epoch go to a stream that is no longer read."""
    return f"isthmus:{instance_id}:{epoch}:reports"


def connect(url: str) -> redis.Redis:
    """`url`: as CELERY_BROKER_URL has it."""
    return broker_of(url).client()


def send(client: redis.Redis, stream: str, report: Report) -> None:
    """Raises redis.RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.xadd(stream, {"report": encode_report(report)}, maxlen=MAX_ENTRIES, approximate=True)
    pipe.expire(stream, KEEP_SECONDS)
    pipe.execute()


def begin(client: redis.Redis, stream: str, task_id: str, worker: str) -> bool:
    """A worker process starts a task. False: its keys have been re-queued meanwhile. Raises redis.RedisError."""
    pipe = client.pipeline(transaction=False)
    pipe.sismember(_given_up(stream), task_id)
    pipe.hset(_begun(stream), worker, task_id)
    pipe.expire(_begun(stream), KEEP_SECONDS)
    return not pipe.execute()[0]


def _given_up(stream: str) -> str:
    return f"{stream}:given-up"


def _begun(stream: str) -> str:
    """The last task of each process."""
    return f"{stream}:begun"


class ReportReader:
    """Reads the reports of one epoch, each once, in order."""

    def __init__(self, client: redis.Redis, stream: str) -> None:
        self._client = client
        self.stream = stream
        self._last: str | bytes = "0-0"

    def read(self, wait_ms: int) -> list[Report]:
        """Reports that came, or none after `wait_ms`. Raises redis.RedisError."""
        found: Any = self._client.xread({self.stream: self._last}, count=1000, block=wait_ms)
        reports = []
        for _, entries in found or ():
            for entry_id, fields in entries:
                self._last = entry_id
                reports.append(decode_report(fields[b"report"]))
        return reports

    def give_up(self, task_ids: Collection[str]) -> None:
        """Have workers skip these tasks. Raises redis.RedisError."""
        pipe = self._client.pipeline(transaction=False)
        pipe.sadd(_given_up(self.stream), *task_ids)
        pipe.expire(_given_up(self.stream), KEEP_SECONDS)
        pipe.execute()

    def begun(self, task_ids: Collection[str]) -> set[str]:
        """Those of these tasks that are the latest one of a worker process. Raises redis.RedisError."""
        found: Any = self._client.hvals(_begun(self.stream))
        return {task_id.decode() for task_id in found}.intersection(task_ids)

    def count_waiting(self, queue: str) -> int:
        """Tasks in one of Celery's queues that are not started yet. Raises redis.RedisError."""
        return int(self._client.llen(queue))

    def come_back(self) -> None:
        """The broker was down. If it returned without the stream, entry ids may start again.

        Entries that were read are not read again: they would be counted twice. Raises redis.RedisError.
        """
        newest: Any = self._client.xrevrange(self.stream, count=1)
        if not newest or _number(newest[0][0]) < _number(self._last):
            self._last = "0-0"


def _number(entry_id: str | bytes) -> tuple[int, ...]:
    """An entry id as a sortable tuple: milliseconds and a sequence number."""
    text = entry_id if isinstance(entry_id, str) else entry_id.decode()
    return tuple(int(part) for part in text.split("-"))
