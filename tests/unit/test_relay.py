"""The tests' network leaves nothing behind that a later test would be blamed for."""

from __future__ import annotations

import gc
import socket
import time
from contextlib import suppress

import pytest

from tests.support.relay import Relay


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_that_is_accepted_while_it_closes_is_closed_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        relay = Relay(target.getsockname()[1])
        # While its thread sleeps the connection is made by the kernel alone
        relay._loop.call_soon_threadsafe(time.sleep, 0.2)
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            relay.close()
            del relay
            gc.collect()
            client.settimeout(10)
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
