"""Log lines: both forms, masked passwords, and files that several processes share."""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
from pathlib import Path

import pytest

from syncapp.conf.log_files import SharedRotatingFileHandler
from syncapp.conf.logs import configuration, formatter
from syncapp.conf.settings import load
from syncapp.core.text.masking import mask_address, mask_passwords


def record(
    message: object, *arguments: object, level: int = logging.INFO, **extra: object
) -> logging.LogRecord:
    made = logging.LogRecord("syncapp.test", level, __file__, 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_plain_line_has_the_sentence_and_its_fields() -> None:
    line = formatter("plain").format(record("Change applied successfully", collection="orders"))
    assert "[INFO     ] Change applied successfully" in line
    assert "collection=orders" in line


def test_a_json_line_is_one_object() -> None:
    line = json.loads(formatter("json").format(record("Conflict detected", key=7)))
    assert line["event"] == "Conflict detected"
    assert (line["level"], line["logger"], line["key"]) == ("INFO", "syncapp.test", 7)


@pytest.mark.parametrize("form", ["plain", "json"])
def test_errors_are_found_by_what_people_search_for(form: str) -> None:
    assert "ERROR" in formatter(form).format(record("Change Stream connection failed", level=logging.ERROR))


@pytest.mark.parametrize("form", ["plain", "json"])
def test_passwords_are_masked_in_tracebacks_too(form: str) -> None:
    made = record("cannot reach %s", "mongodb://shop:hunter2@host/db", level=logging.ERROR)
    try:
        raise ValueError("redis://:hunter2@host and mongodb+srv://u:hun@ter2@host/db?authToken=hunter2")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = formatter(form).format(made)
    assert "hunter2" not in line
    assert "ter2" not in line
    assert "mongodb://shop:***@host/db" in line
    if form == "json":
        json.loads(line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://user:pa:ss@host/db", "mongodb://user:***@host/db"),
        ("mongodb://host:27017/db", "mongodb://host:27017/db"),
        ("redis://:pw@host", "redis://:***@host"),
        ("mongodb://a/?tls=true&tlsCertificateKeyFilePassword=pw", "mongodb://a/?tls=true&tlsCertificateKeyFilePassword=***"),
        ("no address", "no address"),
    ],
)  # fmt: skip
def test_masking(text: str, shown: str) -> None:
    assert mask_passwords(text) == shown


def test_a_text_that_is_no_address_shows_nothing_before_its_at_sign() -> None:
    assert mask_address("user:pw@host/db") == "***@host/db"
    assert mask_address("nonsense") == "nonsense"


def test_files_and_level_follow_the_settings(tmp_path: Path) -> None:
    made = configuration(load({"SYNC_HOME": str(tmp_path), "SYNC_LOG_LEVEL": "ERROR"}))
    assert made["root"]["level"] == "ERROR"
    assert made["handlers"]["app"]["filename"] == str(tmp_path / "logs" / "app.log")
    assert made["handlers"]["error"]["level"] == "ERROR"


def write_lines(path: Path, writer: int, count: int) -> None:
    handler = SharedRotatingFileHandler(path, max_bytes=20_000, kept=100)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for number in range(count):
        handler.emit(record(f"{writer} {number} {'x' * 80}"))
    handler.close()


def test_no_line_is_lost_or_torn_when_several_processes_write_and_rotate(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "app.log"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_lines, args=(path, writer, 500)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    files = list(path.parent.glob("app.log*"))
    assert len(files) > 3
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{w} {n} {'x' * 80}" for w in range(3) for n in range(500))


def test_only_so_many_old_files_are_kept(tmp_path: Path) -> None:
    handler = SharedRotatingFileHandler(tmp_path / "app.log", max_bytes=10, kept=2)
    for number in range(10):
        handler.emit(record(f"line number {number}"))
    handler.close()
    assert {file.name for file in tmp_path.glob("app.log*")} == {"app.log", "app.log.1", "app.log.2"}


def test_a_file_without_lines_is_there(tmp_path: Path) -> None:
    """What greps for errors finds none, and no missing file."""
    SharedRotatingFileHandler(tmp_path / "logs" / "error.log")
    assert (tmp_path / "logs" / "error.log").read_text() == ""
