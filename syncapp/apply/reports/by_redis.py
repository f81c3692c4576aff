"""Reports by Redis: a capped stream; the superseded tasks are a set, the latest task of each process is a hash."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.apply.reports.values import KEEP_SECONDS, MAX_ENTRIES, BrokerAway
from syncapp.mongo.error_text import describe


class RedisReports:
    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def send(self, stream: str, report: Report) -> None:
        with _errors():
            pipe = self._client.pipeline(transaction=False)
            pipe.xadd(stream, {"report": encode_report(report)}, maxlen=MAX_ENTRIES, approximate=True)
            pipe.expire(stream, KEEP_SECONDS)
            pipe.execute()

    def begin(self, stream: str, task_id: str, worker: str) -> bool:
        with _errors():
            pipe = self._client.pipeline(transaction=False)
            pipe.sismember(_given_up(stream), task_id)
            pipe.hset(_begun(stream), worker, task_id)
            pipe.expire(_begun(stream), KEEP_SECONDS)
            return not pipe.execute()[0]

    def reader(self, stream: str) -> RedisReader:
        return RedisReader(self._client, stream)

    def ping(self) -> object:
        with _errors():
            return self._client.ping()

    def close(self) -> None:
        self._client.close()


class RedisReader:
    def __init__(self, client: redis.Redis, stream: str) -> None:
        self._client = client
        self.stream = stream
        self._last: str | bytes = "0-0"

    def read(self, wait_ms: int) -> list[Report]:
        with _errors():
            found: Any = self._client.xread({self.stream: self._last}, count=1000, block=wait_ms)
        reports = []
        for _, entries in found or ():
            for entry_id, fields in entries:
                self._last = entry_id
                reports.append(decode_report(fields[b"report"]))
        return reports

    def give_up(self, task_ids: Collection[str]) -> None:
        with _errors():
            pipe = self._client.pipeline(transaction=False)
            pipe.sadd(_given_up(self.stream), *task_ids)
            pipe.expire(_given_up(self.stream), KEEP_SECONDS)
            pipe.execute()

    def begun(self, task_ids: Collection[str]) -> set[str]:
        with _errors():
            found: Any = self._client.hvals(_begun(self.stream))
        return {task_id.decode() for task_id in found}.intersection(task_ids)

    def count_waiting(self, queue: str) -> int:
        with _errors():
            return int(self._client.llen(queue))

    def come_back(self) -> None:
        """If the stream is gone, entry ids may start again. Entries that were read are not read again: they would be
        counted twice."""
        with _errors():
            newest: Any = self._client.xrevrange(self.stream, count=1)
        if not newest or _number(newest[0][0]) < _number(self._last):
            self._last = "0-0"

    def close(self) -> None:
        """Whoever waits for reports at this moment gets his answer: to him a connection that is closed would be a broker
        that is away."""
        self._client.connection_pool.disconnect(inuse_connections=False)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        raise BrokerAway(describe(error)) from error


def _given_up(stream: str) -> str:
    return f"{stream}:given-up"


def _begun(stream: str) -> str:
    """The last task of each process."""
    return f"{stream}:begun"


def _number(entry_id: str | bytes) -> tuple[int, ...]:
    """An entry id as a sortable tuple: milliseconds and a sequence number."""
    text = entry_id if isinstance(entry_id, str) else entry_id.decode()
    return tuple(int(part) for part in text.split("-"))
