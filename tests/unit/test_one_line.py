"""Names and values with line breaks, control characters and marks of direction stay inside the line that names them."""

from __future__ import annotations

import logging
import sys

import pytest

from monitoring.health.values import Code, Reason, Status
from syncapp.conf.logs import formatter
from syncapp.core.text.one_line import one_line, several_lines
from syncapp.doctor.values import Finding, Level
from syncapp.mongo.error_text import shorten

NAME = "a\nERROR b\r\x1b[2J\u202etxt.exe\u2066\u2028c\ud800"
SHOWN = r"a\nERROR b\r\x1b[2J\u202etxt.exe\u2066\u2028c\ud800"


@pytest.mark.parametrize(
    "text",
    [
        one_line(NAME),
        Reason(Status.CRITICAL, Code.SILENT, NAME).text,
        Finding(Level.FAILED, NAME).text,
    ],
)
def test_it_is_shown_as_python_writes_it(text: str) -> None:
    assert text == SHOWN


def test_other_texts_stay_as_they_are() -> None:
    for text in ("Größe 数 مرحبا 👍", "a\\n"):
        assert one_line(text) == text
    assert several_lines("a\n\tb\x1b") == "a\n\tb\\x1b"
    assert shorten("no\x1b \u202eanswer") == "no\\x1b \\u202eanswer"


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_log_line_is_one_line(form: str) -> None:
    made = logging.LogRecord("syncapp.test", logging.INFO, __file__, 1, f"Refused {NAME}", (), None)
    made.__dict__["collection"] = NAME
    line = formatter(form).format(made)
    assert len(line.splitlines()) == 1
    assert not {"\x1b", "\u202e", "\u2066", "\r", "\ud800"}.intersection(line)


def test_a_traceback_keeps_its_lines_and_nothing_else() -> None:
    made = logging.LogRecord("syncapp.test", logging.ERROR, __file__, 1, "failed", (), None)
    try:
        raise ValueError("x\x1b[2J\u202e")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = formatter("plain").format(made)
    assert "\nValueError: x\\x1b[2J\\u202e" in line
