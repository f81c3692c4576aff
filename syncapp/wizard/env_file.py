"""`.env` with other values: all other lines and comments stay as they are. It is replaced as a whole or not at all, and
nobody but its owner can read it or its predecessor.

A value is written so that Isthmus and a shell (`. ./.env`) read the same; so does compose, except for a value with both
' and `, which shell and compose escape differently.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from syncapp.conf.env_lines import LINE

PREVIOUS = ".env.previous"
ENABLED, EXCLUDED = "BIDIRECTIONAL_SYNC_ENABLED", "BIDIRECTIONAL_EXCLUDED_COLLECTIONS"
LOCAL, ATLAS = "MONGODB_URI", "MONGODB_ATLAS_URI"
WRITTEN = (LOCAL, ATLAS, ENABLED, EXCLUDED)
HEAD = "# Settings of Isthmus, written by manage.py sync_wizard. .env.example has all of them.\n"
_PLAIN = re.compile(r"[A-Za-z0-9_./:,@%+=-]*")


class NotWritable(ValueError):
    """The text says why the value cannot stand in such a file."""


def quoted(value: str) -> str:
    """The value as it is written after NAME=. Raises NotWritable."""
    if any(ord(letter) < 32 or letter in "\x7f\x85\u2028\u2029" for letter in value):
        raise NotWritable("a value without line breaks and control characters")
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and not re.fullmatch('".*"', value):
        return f"'{value}'"
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


def changed(text: str, values: Mapping[str, str]) -> str:
    """The file's text with these values: a line that is there is replaced where it stands, the others are appended.
    Raises NotWritable."""
    written = {name: quoted(value) for name, value in values.items()}
    lines = text.splitlines(keepends=True) or [HEAD, "\n"]
    # Of two lines of one name the last one counts
    places = {
        found["name"]: (place, found["start"])
        for place, line in enumerate(lines)
        if (found := LINE.match(line))
    }
    for name in written.keys() & places.keys():
        place, start = places[name]
        line = lines[place]
        lines[place] = start + written[name] + line[len(line.rstrip("\r\n")) :]
    if lines[-1] == lines[-1].rstrip("\r\n"):
        lines[-1] += "\n"
    lines += [f"{name}={value}\n" for name, value in written.items() if name not in places]
    return "".join(lines)


def read(path: Path) -> str:
    """Empty: it does not exist. Raises OSError or UnicodeDecodeError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""


def write(path: Path, text: str) -> bool:
    """Replace it, and keep what was there in `.env.previous`. False: it said so already. Raises OSError, and leaves it
    as it was."""
    path = path.resolve()  # a link stays one
    before = read(path)
    if path.exists():
        if before == text:
            path.chmod(0o600)
            return False
        _replace(path.with_name(PREVIOUS), before, path)
    _replace(path, text, path)
    return True


def _replace(path: Path, text: str, model: Path) -> None:
    """With the owner of `model`, if it exists: written by root it stays readable for the account that runs Isthmus."""
    number, name = tempfile.mkstemp(prefix=".env.", dir=path.parent)  # mode 600
    try:
        with os.fdopen(number, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if model.exists():
            owner = model.stat()
            if owner.st_uid != os.geteuid():
                os.chown(name, owner.st_uid, owner.st_gid)
            # Its group may be one that its owner is not in, and can read nothing of it anyway
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
