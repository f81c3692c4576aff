"""What `make run` becomes when everything is up: a process that only waits, for Ctrl-C, for Supervisor's end, and, if
sync was not healthy at the start, for its recovery. It needs a tenth of the memory of the process that it replaces.

    python -I -S wait.py MANAGER LOCK HOME PORT

MANAGER: Supervisor's process id. LOCK: the file descriptor of SYNC_HOME's lock. PORT: of the web process, if sync is
not healthy yet; else 0.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from syncapp.embedded.ending import STOPPING, end_everything, has_ended

LOOK_SECONDS = 2.0
AWAITED = (*STOPPING, signal.SIGCHLD)


def become(manager: int, lock: int, home: Path, port: int) -> NoReturn:
    """Replace this process. Signals are deferred meanwhile; tied processes stay tied."""
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    os.set_inheritable(lock, True)
    sys.stdout.flush()
    arguments = [manager, lock, home, port]
    os.execv(sys.executable, [sys.executable, "-I", "-S", __file__, *map(str, arguments)])  # noqa: S606


def main(manager: int, lock: int, home: Path, port: int) -> int:
    try:
        while not has_ended(manager):
            # Without a timeout the process never wakes up
            found = signal.sigtimedwait(AWAITED, LOOK_SECONDS) if port else signal.sigwaitinfo(AWAITED)
            if found is not None and found.si_signo in STOPPING:
                print("Stopping …", flush=True)
                return 0
            if port and says_healthy(port):
                print("Sync is healthy.", flush=True)
                port = 0
        log = home / "logs" / "supervisord.log"
        print(f"The process manager has ended; see {log}", flush=True)
        return 1
    finally:
        end_everything(manager, home)
        (home / "run.lock").unlink(missing_ok=True)
        os.close(lock)


def says_healthy(port: int) -> bool:
    """A minimal HTTP client: a library would stay in memory."""
    request = b"GET /api/sync/bidirectional/health HTTP/1.0\r\nHost: localhost\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError:
        return False
    return b'"health":"healthy"' in answer.replace(b" ", b"")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
