"""A container's health check with little overhead: starting Django alone takes a second of CPU.

python -I -S health.py http HOST PORT PATH     200 is healthy; no answer is not
python -I -S health.py sync HOST PORT PATH     healthy, unless the web process reports critical (503)
python -I -S health.py alive FILE              healthy, if the file was touched within a minute and a half
"""

import os
import socket
import sys
import time

LONGEST_SECONDS = 90


def status(host: str, port: str, path: str) -> int:
    """0: no answer."""
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return int(connection.recv(64).split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def main(kind: str, *arguments: str) -> int:
    if kind == "alive":
        try:
            return int(time.time() - os.stat(arguments[0]).st_mtime > LONGEST_SECONDS)  # noqa: PTH116  (pathlib takes longer to load than all the rest)
        except OSError:
            return 1
    answer = status(*arguments)
    # The web process has its own check
    return int(answer == 503) if kind == "sync" else int(answer != 200)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
