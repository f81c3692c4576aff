"""The lines of `.env`: what Isthmus reads in them, and which ones do not count.

Those are named by their number and variable, never by their text: it may hold a password or a part of a private key.
"""

from __future__ import annotations

import io
import re

import environ

LINE = re.compile(r"(?P<start>(?:export )?(?P<name>[A-Za-z_0-9]+)=).*")
_SPACED = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_0-9]+)\s*=")


def values_of(text: str) -> dict[str, str]:
    """As Isthmus reads them."""
    found: dict[str, str] = {}

    class Reader(environ.Env):  # type: ignore[misc]  # it has no types
        ENVIRON = found

    # Of every other line the reader would print the text
    Reader.read_env(io.StringIO("\n".join(line for line in text.splitlines() if LINE.fullmatch(line))))
    return found


def without_effect(text: str, file: str = ".env") -> list[str]:
    """A sentence for each line that other programs may read, but Isthmus does not."""
    return [
        f"Line {number} of {file} does not count, since {_why(line)}"
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#") and not LINE.fullmatch(line)
    ]


def _why(line: str) -> str:
    spaced = _SPACED.match(line)
    return f"it has spaces before or after {spaced['name']}" if spaced else "it is not NAME=value"
