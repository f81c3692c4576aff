"""A real PostgreSQL in a folder of its own, from Debian's package or PATH.

    with started(Postgres()) as server:
        url = server.create_database()          # a DATABASE_URL

It refuses to run as root: there it runs as the user `postgres`, whom the package makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from syncapp.embedded.server import Server

READY_TIMEOUT = 30.0  # seconds
USER = "postgres"


def find_postgres() -> Path | None:
    """The folder of its programs. Debian does not put them on PATH."""
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres"):
        return Path(on_path).resolve().parent
    packaged = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(packaged, key=lambda folder: int(folder.parent.name), default=None)


class Postgres(Server):
    """Bound to 127.0.0.1 only; nothing is flushed to the disk, everybody may log in."""

    name = "postgres"

    def __init__(self, port: int | None = None) -> None:
        # pytest's folders are closed to other users
        super().__init__(Path(tempfile.mkdtemp(prefix="isthmus-postgres-")), port)
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        if os.getuid() == 0:
            shutil.chown(self.folder, USER, USER)

    def command(self) -> list[str]:
        return [
            *self._program("postgres"),
            *("-D", str(self.folder / "data")),
            *("-p", str(self.port)),
            *("-h", "127.0.0.1"),
            *("-k", ""),
            *("-F", "-c", "synchronous_commit=off"),
            *("-c", "max_connections=200"),
        ]

    def _program(self, name: str) -> list[str]:
        folder = find_postgres()
        assert folder is not None, "PostgreSQL was not found (on Debian: apt-get install postgresql)"
        if not shutil.which("setpriv"):  # not Linux
            return [str(folder / name)]
        # The tether of our other servers is forgotten when a process becomes another user
        other_user = ["--reuid", USER, "--regid", USER, "--clear-groups"] if os.getuid() == 0 else []
        return ["setpriv", *other_user, "--pdeathsig", "INT", "--", str(folder / name)]

    def start(self) -> None:
        data = self.folder / "data"
        if not data.exists():
            options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"]
            command = [*self._program("initdb"), "-D", str(data), *options]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        super().start()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            self.check_alive(deadline)
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.02)

    def url(self, database: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new database's address."""
        return new_database(self.url("postgres"))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes neither answer nor close; the kernel still takes in what is sent to them."""
        assert self.process is not None
        main = self.process.pid
        os.kill(main, signal.SIGSTOP)  # first: it makes the others
        found = [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]
        try:
            for pid in found:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def kill(self) -> None:
        """Its processes notice at once that their parent is gone, unlike after a SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None


def new_database(server: str, template: str = "template1") -> str:
    """A new database's address. `server`: the address of any database there; `template`: the one that it is a
    copy of, which nobody may use meanwhile."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{server.rpartition('/')[0]}/{name}"
