"""Reports by RabbitMQ: a queue per stream, which the listener consumes, and whoever is there first declares. RabbitMQ has neither sets nor hashes:

* The superseded tasks are announced to all worker processes, each of which has a queue of its own for them and keeps
  the newest. A process that was not there yet does such a task once more, which is harmless.
* A process says which task it starts by a message in the queue of reports; the listener keeps the latest of each.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

import bson

from syncapp.apply.messages import Report, decode_report, encode_report
from syncapp.apply.reports.rabbit_link import RabbitLink
from syncapp.apply.reports.values import KEEP_SECONDS, MAX_ENTRIES
from syncapp.conf.broker import HEARTBEAT_SECONDS, Broker

GIVEN_UP = "isthmus.given-up"  # the exchange that announces them; task ids are unique, so one is enough
BEGUN = "begun"  # the type of a message that is no report
MOST_ANNOUNCED, MOST_PROCESSES = 20_000, 5_000  # kept
_TRANSIENT = 1  # delivery mode: not for the disk


class RabbitReports:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._link = RabbitLink(broker, self._listen)
        self._given_up: dict[str, None] = {}  # in their order
        self._declared: set[str] = set()  # by the present connection

    def send(self, stream: str, report: Report) -> None:
        self._tell(stream, encode_report(report))

    def begin(self, stream: str, task_id: str, worker: str) -> bool:
        body = bson.encode({"task": task_id, "worker": worker})
        self._tell(stream, body, kind=BEGUN)
        return task_id not in self._given_up

    def reader(self, stream: str) -> RabbitReader:
        return RabbitReader(self._broker, stream)

    def ping(self) -> object:
        return self._link.use(_declare_exchange)

    def close(self) -> None:
        self._link.close()

    def _tell(self, stream: str, body: bytes, kind: str = "report") -> None:
        def tell(channel: Any) -> None:
            if stream not in self._declared:  # a quick worker may be there before the listener waits for it
                _declare_stream(channel, stream)
                self._declared.add(stream)
            _publish(channel, body, key=stream, kind=kind)

        self._link.use(tell)

    def _listen(self, channel: Any) -> None:
        self._declared.clear()
        _declare_exchange(channel)
        limits = {"x-max-length": MAX_ENTRIES, "x-message-ttl": 1_000 * KEEP_SECONDS}
        queue = channel.queue_declare(exclusive=True, auto_delete=True, arguments=limits).queue
        channel.queue_bind(queue, GIVEN_UP)
        channel.basic_consume(queue, no_ack=True, callback=self._announced)

    def _announced(self, message: Any) -> None:
        self._given_up.update(dict.fromkeys(bson.decode(message.body)["tasks"]))
        _keep_newest(self._given_up, MOST_ANNOUNCED)


class RabbitReader:
    """One connection waits for reports, another one does the rest: they are of different threads."""

    def __init__(self, broker: Broker, stream: str) -> None:
        self.stream = stream
        self._reading = RabbitLink(broker, self._consume, HEARTBEAT_SECONDS)
        self._asking = RabbitLink(broker)
        self._arrived: list[Report] = []
        self._lock = threading.Lock()
        self._begun: dict[str, str] = {}  # a process → its latest task

    def read(self, wait_ms: int) -> list[Report]:
        self._reading.wait(wait_ms / 1000)
        arrived, self._arrived = self._arrived, []
        return arrived

    def give_up(self, task_ids: Collection[str]) -> None:
        def announce(channel: Any) -> None:
            _declare_exchange(channel)
            _publish(channel, bson.encode({"tasks": list(task_ids)}), exchange=GIVEN_UP)

        self._asking.use(announce)

    def begun(self, task_ids: Collection[str]) -> set[str]:
        with self._lock:
            return set(self._begun.values()).intersection(task_ids)

    def count_waiting(self, queue: str) -> int:
        """It is declared as Celery does it: nobody may have used it yet."""
        found = self._asking.use(
            lambda channel: channel.queue_declare(queue, durable=True, auto_delete=False)
        )
        return int(found.message_count)

    def come_back(self) -> None:
        """Nothing: each message is delivered once."""

    def close(self) -> None:
        self._reading.close()
        self._asking.close()

    def _consume(self, channel: Any) -> None:
        _declare_stream(channel, self.stream)
        channel.basic_consume(self.stream, no_ack=True, callback=self._take)

    def _take(self, message: Any) -> None:
        if message.properties.get("type") != BEGUN:
            self._arrived.append(decode_report(message.body))
            return
        begun = bson.decode(message.body)
        with self._lock:
            self._begun.pop(begun["worker"], None)
            self._begun[begun["worker"]] = begun["task"]
            _keep_newest(self._begun, MOST_PROCESSES)


def _declare_stream(channel: Any, name: str) -> None:
    limits = {"x-max-length": MAX_ENTRIES, "x-expires": 1_000 * KEEP_SECONDS}
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=limits)


def _declare_exchange(channel: Any) -> None:
    channel.exchange_declare(GIVEN_UP, "fanout", durable=True, auto_delete=False)


def _publish(channel: Any, body: bytes, exchange: str = "", key: str = "", kind: str = "report") -> None:
    """To a queue that is not there: it is dropped by the broker."""
    message = channel.prepare_message(
        body,
        content_type="application/bson",
        content_encoding="binary",
        properties={"delivery_mode": _TRANSIENT, "type": kind},
    )
    channel.basic_publish(message, exchange=exchange, routing_key=key)


def _keep_newest(kept: dict[str, Any], most: int) -> None:
    while len(kept) > most:
        del kept[next(iter(kept))]
