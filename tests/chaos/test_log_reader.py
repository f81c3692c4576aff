"""The chaos suite sees what the logs say."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.chaos import log_reader

LOG = """\
2026-01-01T00:00:00Z [ERROR    ] Task syncapp.apply_changes[c44a116d5393442c8fe220bfb886983c] raised [celery]
Traceback (most recent call last):
  File "one.py", line 1, in one
    two()
ConnectionRefusedError: [Errno 111] Connection refused

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "one.py", line 1, in one
redis.exceptions.ConnectionError: Error 111
2026-01-01T00:00:01Z [info     ] All is well
Traceback (most recent call last):
  File "one.py", line 1, in one
--- a line of another process ---
KeyError: 'halted'
2026-01-01T00:00:01Z [ERROR    ] Change rejected [worker] event_name=rejected code=1
"""


def test_a_chain_of_tracebacks_counts_once_as_what_came_of_it() -> None:
    found = log_reader.tracebacks(LOG.splitlines(keepends=True))
    assert found == {"redis.exceptions.ConnectionError": 1, "KeyError: 'halted'": 1}


def test_what_a_fault_explains_is_told_from_what_none_does() -> None:
    assert log_reader.is_explained("redis.exceptions.ConnectionError")
    assert log_reader.is_explained(
        "celery.exceptions.Reject: (OperationalError('Connection refused'), False)"
    )
    assert not log_reader.is_explained("celery.exceptions.Reject: (KeyError('x'), False)")
    closed = "AttributeError(\"'NoneType' object has no attribute 'client'\")"
    assert log_reader.is_explained(f"celery.exceptions.Reject: ({closed}, False)")
    for error in ("syncapp.mongo.errors.ConnectionDown", "syncapp.store.lease.LeaseLost"):
        module, _, name = error.rpartition(".")
        assert hasattr(importlib.import_module(module), name)
        assert log_reader.is_explained(error)
    assert log_reader.is_explained("ValueError: file descriptor is None")
    assert not log_reader.is_explained("ValueError: something else")
    assert not log_reader.is_explained("KeyError: 'halted'")
    assert not log_reader.is_explained("pymongo.errors.OperationFailure: something else")


def test_error_lines_count_by_event_or_by_their_sentence_without_what_changes() -> None:
    assert log_reader.errors(LOG.splitlines()) == {
        "Task syncapp.apply_changes… raised [celery]": 1,
        "rejected": 1,
    }


def test_the_loop_guards_phrase_is_found_in_rotated_files_too(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("nothing\n")
    assert log_reader.loops(tmp_path) == []
    (tmp_path / "app.log.1").write_text("… Sync loop detected …\n")
    assert log_reader.loops(tmp_path) == ["… Sync loop detected …"]
