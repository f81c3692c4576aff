"""Names and values in one line of text: logs, reasons, commands. MongoDB accepts any character in them, including
ones that start a new line, move the cursor, or change the writing direction."""

from __future__ import annotations

import re

# Control characters, Unicode line breaks, bidirectional marks, lone surrogates
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
