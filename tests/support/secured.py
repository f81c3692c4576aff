"""A mongod that asks for a login and for TLS, and gives each database a login that may do no more than the
documentation asks for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from syncapp.doctor.checks.times import EXACT_SINCE
from syncapp.embedded.mongod import READY_TIMEOUT, Mongod
from tests.support.certificates import Authority
from tests.support.eventually import eventually
from tests.support.versions import version_of

ADMIN, PASSWORD = "root", "p@ss:word/%"  # what has to be quoted in a URI


class SecuredMongod(Mongod):
    """`wants_certificate`: of clients too. `uri(database)` makes the login `isthmus` of that database."""

    def __init__(
        self, folder: Path, authority: Authority, replica_set: str, wants_certificate: bool = False
    ) -> None:
        super().__init__(folder, replica_set=replica_set, oplog_mb=200)
        self.authority, self.wants_certificate = authority, wants_certificate

    def command(self) -> list[str]:
        key = self.folder / "key"
        if not key.exists():
            key.write_text("isthmus" * 20)
            key.chmod(0o600)
        tls = ["--tlsMode", "requireTLS", "--tlsCAFile", str(self.authority.ca)]
        tls += ["--tlsCertificateKeyFile", str(self.authority.server)]
        if not self.wants_certificate:
            tls.append("--tlsAllowConnectionsWithoutCertificates")
        return [*super().command(), "--keyFile", str(key), *tls]

    def address(self, user: str = "", database: str = "") -> str:
        login = f"{user}:{quote(PASSWORD, safe='')}@" if user else ""
        options = f"directConnection=true&authSource=admin&tls=true&tlsCAFile={self.authority.ca}"
        if self.wants_certificate:
            options += f"&tlsCertificateKeyFile={self.authority.client}"
        return f"mongodb://{login}127.0.0.1:{self.port}/{database}?{options}"

    def wait_until_ready(self) -> None:
        """Its first user is made through the localhost exception."""
        deadline = time.monotonic() + READY_TIMEOUT
        with MongoClient[dict[str, Any]](self.address(), serverSelectionTimeoutMS=300) as client:
            while not _answers(client):
                self.check_alive(deadline)
            member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
            _unless_done(client, "replSetInitiate", {"_id": self.replica_set, "members": [member]})
            eventually(lambda: client.admin.command("hello")["isWritablePrimary"], "it is primary")
            roles = [{"role": "root", "db": "admin"}]
            _unless_done(client, "createUser", ADMIN, pwd=PASSWORD, roles=roles)

    def uri(self, database: str = "") -> str:
        """With the rights that the documentation names: `readWrite` on the database, `read` on `local` where only the
        oplog tells times, and nothing else."""
        user = f"isthmus-{database}"
        with MongoClient[dict[str, Any]](self.address(ADMIN)) as client:
            roles = [{"role": "readWrite", "db": database}]
            if version_of(client) < EXACT_SINCE:
                roles.append({"role": "read", "db": "local"})
            _unless_done(client, "createRole", user, privileges=[], roles=roles)
            _unless_done(client, "createUser", user, pwd=PASSWORD, roles=[{"role": user, "db": "admin"}])
        return self.address(user, database)


def _answers(client: MongoClient[Any]) -> bool:
    try:
        return bool(client.admin.command("hello"))
    except AutoReconnect:  # not listening yet
        return False


def _unless_done(client: MongoClient[Any], command: str, value: object, **options: object) -> None:
    try:
        client.admin.command(command, value, **options)
    except OperationFailure as error:
        # Initialised, or there, since an earlier start; who is not the first user must log in
        if error.code not in {23, 51002, 51003, 13}:
            raise
