"""Passwords never appear in a log line or a message: what looks like one becomes ***."""

import re

# Greedy up to the last @: a password that was not percent-encoded may have one itself
_USER_INFO = re.compile(r"(://[^\s/:@]*):[^\s\"'<>\\]*@")
_PARAMETER = re.compile(r"(?i)([?&;,](?:[\w-]*(?:password|secret|token))[=:])[^&\s\"',;\\]+")


def mask_passwords(text: str) -> str:
    """`mongodb://user:secret@host/db` → `mongodb://user:***@host/db`, wherever it stands in the text."""
    return _PARAMETER.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))


def mask_address(text: str) -> str:
    """The same for a text that should be one address, and hides more when it is none."""
    if "://" not in text and "@" in text:
        return "***@" + text.rpartition("@")[2]
    return mask_passwords(text)
