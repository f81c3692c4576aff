"""The question for the address of one side: asked until it has the form of one and its server passes the checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from syncapp.conf.mongodb_uri import mongodb_uri
from syncapp.conf.types import WrongValue
from syncapp.core.text.masking import mask_address
from syncapp.core.values import Side
from syncapp.wizard.questions import Ask

KEEP = "keep"
NAMES = {Side.LOCAL: "the local MongoDB", Side.ATLAS: "MongoDB Atlas"}
OPTIONS = {Side.LOCAL: "--local-uri", Side.ATLAS: "--atlas-uri"}
FORMS = {
    Side.LOCAL: "mongodb://localhost:27017/shop",
    Side.ATLAS: "mongodb+srv://user@cluster0.example.mongodb.net/shop",
}
AGAIN = (
    f"Another address, Enter to try the same again, or {KEEP} to write it as it is, and mend the server later"
)
# As Atlas's page shows it, to be replaced
_PLACEHOLDER = re.compile(r"(://[^:@/]+):<[^<>@]*>@")
_USER_ALONE = re.compile(r"://[^:@/?]+@")
WITHOUT_PASSWORD = frozenset({"MONGODB-X509", "MONGODB-AWS", "MONGODB-OIDC", "GSSAPI"})

# Shows what the checks find. Returns why the address cannot be used; empty: it can
TryOut = Callable[[Side, str], str]


def settle(ask: Ask, side: Side, given: str, present: str, try_out: TryOut) -> tuple[str, bool]:
    """The address, and whether its server passed. `given`: by option. `present`: in `.env`. Raises NotPossible if nobody
    can be asked and it does not."""
    question, offered, failed = f"Address of {NAMES[side]}, for instance {FORMS[side]}", present, False
    while True:
        text, given = given or ask.text(question, OPTIONS[side], offered, mask_address(offered)), ""
        if failed and text == KEEP:
            return offered, False
        try:
            address = complete(ask, text)
        except WrongValue as wrong:
            ask.refuse(f"This is no such address; allowed: {wrong}")
            continue
        if not (why := try_out(side, address)):
            return address, True
        ask.refuse(why, was_told=True)
        question, offered, failed = AGAIN, address, True


def complete(ask: Ask, text: str) -> str:
    """The address with a password, which is asked for if it names a user alone. Raises WrongValue."""
    address = _PLACEHOLDER.sub(r"\1@", text)
    if not mongodb_uri(address):
        raise WrongValue("an address")
    if not _lacks_password(address):
        return address
    password = ask.secret("Its user's password (not shown; Enter: none)")
    return address.replace("@", f":{quote(password, safe='')}@", 1) if password else address


def _lacks_password(address: str) -> bool:
    options = {name.lower(): value.upper() for name, value in parse_qsl(address.partition("?")[2])}
    return bool(_USER_ALONE.search(address)) and options.get("authmechanism", "") not in WITHOUT_PASSWORD
