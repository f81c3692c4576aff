"""Why a server did not start: its own last words, of this start only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from syncapp.embedded.last_words import hint, last_words, size


def entry(severity: str, message: str, **about: object) -> str:
    return json.dumps({"t": {"$date": "2026-01-01"}, "s": severity, "msg": message, "attr": about})


LOADER = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([LOADER], LOADER),
        ([entry("I", "Shutting down"), LOADER], LOADER),
        (
            [entry("E", "Error creating service", error="Locked: held by 7"), entry("I", "Now exiting")],
            "Error creating service: Locked: held by 7",
        ),
        (
            [
                entry("E", "an error"),
                entry("F", "Fatal assertion", reason="no disk"),
                entry("I", "BACKTRACE"),
            ],
            "Fatal assertion: no disk",
        ),
        ([entry("F", "Aborting", error={"code": 5, "errmsg": "too old"})], "Aborting: too old"),
        ([entry("E", "Refused", attempts=3)], 'Refused: {"attempts": 3}'),
        (["[1, 2]", "null", ""], "[1, 2]\nnull"),
        ([LOADER, entry("E", "again"), LOADER, entry("E", "again")], "again"),
        ([LOADER, LOADER], LOADER),
        ([entry("I", "ready")], entry("I", "ready")),
        ([], ""),
    ],
)
def test_what_went_wrong_is_chosen(lines: list[str], words: str, tmp_path: Path) -> None:
    log = tmp_path / "mongod.log"
    log.write_text("\n".join(lines))
    assert last_words(log) == words


def test_words_of_an_earlier_start_are_not_taken(tmp_path: Path) -> None:
    log = tmp_path / "mongod.log"
    log.write_text(entry("F", "long ago") + "\n")
    before = size(log)
    assert last_words(log, before) == ""
    with log.open("a") as file:
        file.write(entry("E", "now") + "\n")
    assert last_words(log, before) == "now"
    log.write_text("a new file, shorter than the old one")
    assert last_words(log, 10_000) == "a new file, shorter than the old one"


def test_no_log_is_no_words(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none") == ""
    assert size(tmp_path / "none") == 0


def test_a_processor_that_is_too_old_is_said() -> None:
    assert "AVX" in hint("local (terminated by SIGILL; not expected)")
    assert hint(LOADER) == ""
