"""Free TCP ports on this machine."""

import itertools
import random
import socket

# Below the kernel's range for outgoing connections: there, a client that reconnects to a
# stopped server can be given the server's own port, and the server cannot restart.
LOWEST, HIGHEST = 20_000, 32_000
_places = itertools.count(random.randrange(HIGHEST - LOWEST))


def free_port() -> int:
    """An unused port; each time another one: a server of this process that is down may come back to its own."""
    for place in itertools.islice(_places, 200):
        port = LOWEST + place % (HIGHEST - LOWEST)
        if is_free(port):
            return port
    raise RuntimeError(f"No free port was found from {LOWEST} to {HIGHEST}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    return why_not_free(port, host) is None


def why_not_free(port: int, host: str) -> OSError | None:
    """None: it can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT is no server
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
