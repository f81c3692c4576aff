"""A connection to RabbitMQ for reports: made when it is needed, dropped after an error, made again at the next use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from amqp.exceptions import AMQPError
from kombu import Connection
from kombu.exceptions import KombuError

from syncapp.apply.reports.values import BrokerAway
from syncapp.conf.broker import CONNECT_SECONDS, Broker
from syncapp.mongo.error_text import describe

# py-amqp reads from a connection that another thread has just closed
ERRORS = (AMQPError, KombuError, OSError, AttributeError)
MOST_AT_ONCE = 1_000  # messages taken in by one use
Act = TypeVar("Act")


class RabbitLink:
    """Threads take turns: py-amqp's connections are not made for more than one."""

    def __init__(
        self, broker: Broker, prepare: Callable[[Any], None] = lambda channel: None, heartbeat: int = 0
    ) -> None:
        """`prepare` is called with each new connection's channel. `heartbeat`: seconds; only for one that is used all
        the time."""
        self._broker, self._prepare, self._heartbeat = broker, prepare, heartbeat
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def use(self, act: Callable[[Any], Act]) -> Act:
        """`act` gets the channel; what has arrived is taken in before. An error of a connection that was there before
        says nothing about the broker: then it is tried once more, with a new one. Raises BrokerAway."""
        with self._lock:
            if self._connection is not None:
                with suppress(*ERRORS):
                    return self._attempt(act)
                self._drop()
            try:
                return self._attempt(act)
            except ERRORS as error:
                self._drop()
                raise BrokerAway(describe(error)) from error

    def wait(self, seconds: float) -> None:
        """Take in what arrives within this time, and return when the first of it has. Raises BrokerAway."""
        with self._lock:
            try:
                connection = self._connected()
                if self._heartbeat:
                    connection.heartbeat_check()
                if _arrives(connection, seconds):
                    _take_in(connection)
            except ERRORS as error:
                self._drop()
                raise BrokerAway(describe(error)) from error

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _attempt(self, act: Callable[[Any], Act]) -> Act:
        connection = self._connected()
        _take_in(connection)
        return act(connection.default_channel)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(
                self._broker.url,
                ssl=dict(self._broker.tls) or False,
                connect_timeout=CONNECT_SECONDS,
                heartbeat=self._heartbeat,
                # A report may be lost
                transport_options={**self._broker.options, "confirm_publish": False},
            )
            # Once: whoever asks tries again anyway, and may hold a transaction open meanwhile
            self._connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            self._prepare(self._connection.default_channel)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.collect()  # without a farewell, which a dead one would wait for


def _take_in(connection: Connection) -> None:
    """Also finds out whether the other end has gone: a message could be written to it all the same."""
    for _ in range(MOST_AT_ONCE):
        if not _arrives(connection, 0):
            return


def _arrives(connection: Connection, seconds: float) -> bool:
    try:
        connection.drain_events(timeout=seconds)
    except TimeoutError:
        return False
    return True
