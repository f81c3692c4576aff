"""An authority of the tests' own, and what it signs: for servers that ask for TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Authority:
    """`ca`: the authority's certificate; `server`: key and certificate of 127.0.0.1 and localhost; `client`: of a
    client. All are PEM files, the latter two with the key and the certificate in one, as mongod wants them."""

    ca: Path
    server: Path
    client: Path


def make_authority(folder: Path) -> Authority:
    folder.mkdir(parents=True, exist_ok=True)
    made = Authority(folder / "ca.pem", folder / "server.pem", folder / "client.pem")
    ca = trustme.CA(organization_name="Tests")
    ca.cert_pem.write_to_path(str(made.ca))
    for path, issued in (
        (made.server, ca.issue_cert("127.0.0.1", "localhost")),
        (made.client, ca.issue_cert("client@example.com")),
    ):
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        path.chmod(0o600)
    return made
