"""Every kind of line in the log is in docs/logs.md once, and nothing else is; and a batch is found by one id."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from syncapp.apply.messages import Report
from syncapp.conf.logs import formatter
from syncapp.conf.settings import BASE_DIR
from syncapp.core.values import BOTH, Batch, Ending, Side
from syncapp.listener.telemetry import journey
from syncapp.process.django_calls import DjangoCalls

METHODS = {"debug", "info", "warning", "error", "critical", "exception"}
LINE = re.compile(r"^\| `(?P<name>\w+)` \| (?P<levels>[a-z, ]+) \| (?P<line>.+?) \| (?P<means>.*) \|$", re.M)


def calls() -> Iterator[tuple[str, ast.Call]]:
    for root in ("syncapp", "syncproject", "monitoring"):
        for path in (BASE_DIR / root).rglob("*.py"):
            tree = ast.parse(path.read_text())
            yield from ((path.name, node) for node in ast.walk(tree) if isinstance(node, ast.Call))


def texts(node: ast.expr) -> list[str]:
    """The texts that an expression may be; of a formatted one the longest piece."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return [max((one.value for one in node.values if isinstance(one, ast.Constant)), key=len)]
    return [str(node.value)] if isinstance(node, ast.Constant) else []


def written() -> dict[str, set[str]]:
    """By event_name the sentences."""
    found: dict[str, set[str]] = {}
    for place, call in calls():
        for keyword in call.keywords:
            if keyword.arg == "event_name":
                names = texts(keyword.value)
                assert names, f"{place}: write event_name out"
                sentences = texts(call.args[0])
                for at, name in enumerate(names):
                    found.setdefault(name, set()).update(
                        sentences[at : at + 1] if len(sentences) == len(names) else sentences
                    )
    return found


def described() -> dict[str, str]:
    rows = [(one["name"], one["line"]) for one in LINE.finditer((BASE_DIR / "docs" / "logs.md").read_text())]
    assert len(rows) == len(dict(rows)), "each once"
    return dict(rows)


def test_each_kind_of_line_is_described_and_no_other() -> None:
    assert described().keys() == written().keys()
    assert list(described()) == sorted(described()), "in order"


def test_the_sentences_are_those_of_the_code() -> None:
    for name, sentences in written().items():
        for sentence in sentences:
            assert sentence.strip(": ") in described()[name], name


def test_each_line_has_a_name() -> None:
    for place, call in calls():
        function = call.func
        if isinstance(function, ast.Attribute) and ast.unparse(function.value) == "log":
            named = function.attr not in METHODS or "event_name" in {one.arg for one in call.keywords}
            assert named, f"{place}:{call.lineno}"


# One id

BATCH = Batch("5f0c", Side.LOCAL, "orders", (), dict.fromkeys(BOTH, 0))


def test_the_listeners_lines_have_the_batchs_id() -> None:
    with structlog.testing.capture_logs() as lines:
        journey.handed_out(BATCH)
        journey.reported(Report("5f0c", Side.LOCAL), superseded=False)
        done = Report("5f0c", Side.LOCAL, (Ending.DONE, Ending.DONE, Ending.WAIT), collection="orders")
        journey.reported(done, superseded=False)
    assert [(line["event_name"], line["task"]) for line in lines] == [
        ("batch_sent", "5f0c"), ("batch_reported", "5f0c"),
    ], "a sign of life is no line"  # fmt: skip
    assert (lines[1]["done"], lines[1]["wait"]) == (2, 1)


@pytest.mark.parametrize("form", ["plain", "json"])
def test_what_is_written_beside_a_batch_has_its_id_in_both_forms(
    form: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = structlog.get_logger("syncapp.test")
    with bound_contextvars(task="5f0c"):
        log.warning("Conflict detected", event_name="conflict")
        DjangoCalls().call(lambda: log.warning("Rejected change recorded without its document"))
    for record in caplog.records:
        line = formatter(form).format(record)
        assert "5f0c" in line
        if form == "json":
            assert json.loads(line)["task"] == "5f0c"
    assert len(caplog.records) == 2
