"""The relay of the chaos suite does what its faults are named after."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.relay import Relay


def _echo(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(1000):
            connection.sendall(data)


@pytest.fixture
def relay() -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        made = Relay(server.getsockname()[1])
        yield made
        made.close()
        server.shutdown(socket.SHUT_RDWR)


def _connect(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), timeout=5)


def _asks(client: socket.socket, timeout: float = 5) -> bytes:
    client.settimeout(timeout)
    client.sendall(b"word")
    return client.recv(100)


def test_what_is_sent_arrives_and_is_answered(relay: Relay) -> None:
    with _connect(relay) as client:
        assert _asks(client) == b"word"


def test_a_cut_closes_what_is_open_and_refuses_what_is_new_until_it_is_healed(relay: Relay) -> None:
    with _connect(relay) as client:
        assert _asks(client) == b"word"
        relay.cut()
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            pass
    with pytest.raises(ConnectionRefusedError):
        _connect(relay)
    relay.heal()
    with _connect(relay) as client:
        assert _asks(client) == b"word"


def test_a_black_hole_accepts_and_neither_answers_nor_closes(relay: Relay) -> None:
    with _connect(relay) as old:
        assert _asks(old) == b"word"
        relay.black_hole()
        with pytest.raises(TimeoutError):
            _asks(old, 0.3)
        with _connect(relay) as new:
            with pytest.raises(TimeoutError):
                _asks(new, 0.3)
            relay.heal()
            for client in (old, new):
                client.settimeout(5)
                assert client.recv(100) == b"word"


def test_a_slow_network_is_slow_and_loses_nothing(relay: Relay) -> None:
    relay.slow(0.5)
    with _connect(relay) as client:
        began = time.monotonic()
        assert _asks(client) == b"word"
        assert time.monotonic() - began >= 1
        relay.heal()
        began = time.monotonic()
        assert _asks(client) == b"word"
        assert time.monotonic() - began < 1


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_who_is_being_accepted_while_it_closes_is_closed_too() -> None:
    """Else a later test of the same process would be blamed for the connection that is left."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = Relay(server.getsockname()[1])
        relay._loop.call_soon_threadsafe(time.sleep, 0.2)  # meanwhile the kernel alone connects
        with _connect(relay) as client:
            relay.close()
            del relay
            gc.collect()
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
