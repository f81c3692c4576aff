"""A MongoDB URI as a setting: with a database name, known options, and readable files."""

from __future__ import annotations

import re
import ssl
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from syncapp.conf.login_text import check_login
from syncapp.conf.types import WrongValue
from syncapp.core.text.masking import mask_passwords

FORM = "mongodb://host:port/database or mongodb+srv://host/database, with the database's name"
# The driver's text for an unknown option
_UNKNOWN = re.compile(r"Unknown option: (\w+)\.")
_NAMES = (
    "appName authMechanism authMechanismProperties authSource compressors connectTimeoutMS directConnection"
    " heartbeatFrequencyMS journal loadBalanced localThresholdMS maxConnecting maxIdleTimeMS maxPoolSize"
    " maxStalenessSeconds minPoolSize readConcernLevel readPreference readPreferenceTags replicaSet retryReads"
    " retryWrites serverSelectionTimeoutMS socketTimeoutMS srvMaxHosts srvServiceName tls tlsAllowInvalidCertificates"
    " tlsAllowInvalidHostnames tlsCAFile tlsCertificateKeyFile tlsCRLFile tlsInsecure uuidRepresentation"
    " waitQueueTimeoutMS wTimeoutMS"
)
_SPELLINGS = {name.lower(): name for name in _NAMES.split()}


def mongodb_uri(text: str) -> str:
    """Empty means: not set. Raises WrongValue."""
    if not text:
        return text
    check_login(text, "/?@:")
    # A mongodb+srv name is resolved when connecting, not here: the network may be down
    plain = re.sub(r"^mongodb\+srv://", "mongodb://", text)
    address, _, options = plain.partition("?")
    try:
        named = parse_uri(address, warn=False)["database"]
    except (PyMongoError, ValueError):
        named = None
    if not named:
        raise WrongValue(FORM)
    _check_options(plain, options)
    return text


def _check_options(uri: str, options: str) -> None:
    for option in re.split("[&;]", options):
        name, _, value = option.partition("=")
        if name.lower() in ("tlscafile", "tlscertificatekeyfile", "tlscrlfile"):
            check_file(_SPELLINGS[name.lower()], value, certificates=name.lower() == "tlscafile")
    try:
        parse_uri(uri, warn=False)
    except (PyMongoError, ValueError, OSError) as error:
        raise WrongValue(_why(mask_passwords(str(error)))) from None


def _why(text: str) -> str:
    unknown = _UNKNOWN.match(text)
    if not unknown:
        return f"options of a MongoDB URI with their values ({text})"
    near = get_close_matches(unknown[1], _SPELLINGS, 1, 0.7)
    meant = f"; did you mean {_SPELLINGS[near[0]]!r}?" if near else ""
    return f"options of a MongoDB URI: there is none {unknown[1]!r}{meant}"


def check_file(option: str, name: str, *, certificates: bool = False) -> None:
    """`certificates`: of CAs, in PEM. Raises WrongValue if the file cannot be used."""
    path = Path(unquote(name))
    try:
        path.read_bytes()
        if certificates:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise WrongValue(f"a file of certificates (PEM) for {option}; {str(path)!r} holds none") from None
    except OSError as error:
        raise WrongValue(
            f"a file that can be read for {option}; {str(path)!r} cannot be: {error.strerror}"
        ) from None
