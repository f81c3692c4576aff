"""TLS to the broker: verified unless disabled, with the system's CA certificates unless a file is given."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from syncapp.conf.mongodb_uri import check_file
from syncapp.conf.types import WrongValue

_REQUIREMENTS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
OPTIONS = (*_FILES, "ssl_cert_reqs", "ssl_check_hostname")


def tls_options(options: Mapping[str, str]) -> dict[str, Any]:
    """Of an address's options, by their names. Raises WrongValue."""
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


def for_rabbitmq(options: Mapping[str, Any], host: str) -> dict[str, Any]:
    """py-amqp compares the name with the certificate's if it is told one. `host`: may have a port."""
    if not options:
        return {}
    named = {
        name.removeprefix("ssl_"): value for name, value in options.items() if name != "ssl_check_hostname"
    }
    if options["ssl_check_hostname"]:
        named["server_hostname"] = host.rpartition(":")[0].strip("[]") if ":" in host else host
    return named
