"""Free ports: a server that is down for a moment finds its own again."""

from __future__ import annotations

import socket

import pytest

from syncapp.embedded import ports


def test_no_port_is_given_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: True)
    given = [ports.free_port() for _ in range(ports.HIGHEST - ports.LOWEST)]
    assert len(set(given)) == len(given)
    assert ports.LOWEST <= min(given) < max(given) < ports.HIGHEST


def test_what_somebody_listens_on_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "LOWEST", port)
        monkeypatch.setattr(ports, "HIGHEST", port + 1)
        with pytest.raises(RuntimeError, match="No free port"):
            ports.free_port()
