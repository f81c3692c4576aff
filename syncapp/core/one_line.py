"""Names and values in a line of text for people: logs, reasons, commands. MongoDB takes any character in them, so that one
could begin a line of its own, move the cursor, or turn the order of what follows."""

from __future__ import annotations

import re

# Control characters, line breaks of Unicode, marks that turn the direction of writing, halves of a character
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def one_line(text: str) -> str:
    r"""Such characters as Python writes them: `\n`, `\x1b`, `\u202e`."""
    return _UNSAFE.sub(_escaped, text)


def several_lines(text: str) -> str:
    """The same of a text that may have line breaks of its own, such as a traceback."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found), text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
