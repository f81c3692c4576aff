"""The connection to the broker (Redis): one place, so that Celery, the reports' stream, Flower
and the doctor verify the same server with the same certificates."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from syncapp.conf.login_text import check_login
from syncapp.conf.mongodb_uri import check_file
from syncapp.conf.types import WrongValue, url

if TYPE_CHECKING:
    import redis

FORM = "redis://host:port/N or rediss://host:port/N, where N is the number of a database"
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 10.0
_REQUIREMENTS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OPTIONS = (*_FILES, "ssl_cert_reqs", "ssl_check_hostname")


@dataclass(frozen=True)
class Broker:
    """`url`: without options, which Celery's and Redis's clients interpret differently. `tls`: options for both, empty
    for a plain connection."""

    url: str
    tls: Mapping[str, Any] = field(default_factory=dict)

    def client(
        self, answer_seconds: float = ANSWER_SECONDS, connect_seconds: float = CONNECT_SECONDS, **options: Any
    ) -> redis.Redis:
        """Nothing is sent yet. Each use raises redis.RedisError if the broker is unreachable."""
        import redis

        return redis.Redis.from_url(
            self.url,
            socket_timeout=answer_seconds,
            socket_connect_timeout=connect_seconds,
            **self.tls,
            **options,
        )


def refuses_login(text: str) -> bool:
    """Does the text mean a refused login? The wording depends on whether the client sends its name first."""
    return any(sign in text for sign in ("WRONGPASS", "username-password", "invalid password", "uthenticat"))


def broker_of(text: str) -> Broker:
    """The broker that CELERY_BROKER_URL names. Raises WrongValue."""
    url("redis", "rediss")(text)
    check_login(text, "/?#")
    if not re.fullmatch(r"[^?]*://[^/?]+(/\d*)?(\?.*)?", text):
        raise WrongValue(FORM)
    address, _, query = text.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    secure = address.startswith("rediss://")
    for name in options:
        if name not in _OPTIONS:
            raise WrongValue(f"the options {', '.join(_OPTIONS)}; there is none {name!r}")
        if not secure:
            raise WrongValue(f"{name} with an address that starts with rediss://")
    return Broker(address, _tls(options) if secure else {})


def broker_url(text: str) -> str:
    """The text itself, if it is valid; empty means: not set. Raises WrongValue."""
    if text:
        broker_of(text)
    return text


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    """Verified unless disabled, with the system's CA certificates unless a file is given."""
    wanted = options.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if wanted not in _REQUIREMENTS:
        raise WrongValue("required, optional or none for ssl_cert_reqs")
    hostname = options.get("ssl_check_hostname", "true").lower()
    if hostname not in ("true", "false"):
        raise WrongValue("true or false for ssl_check_hostname")
    files = {name: options[name] for name in _FILES if name in options}
    for name, path in files.items():
        check_file(name, path, certificates=name == "ssl_ca_certs")
    check = hostname == "true" and wanted != "none"
    return {"ssl_cert_reqs": _REQUIREMENTS[wanted], "ssl_check_hostname": check, **files}
