"""A Python function of the operator resolves conflicts: what it may answer, what else it may do, and who decides then."""

from __future__ import annotations

import datetime as dt
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Int64

from syncapp.conf.settings import BASE_DIR, SettingsError, load
from syncapp.core import resolver
from syncapp.core.content import content_hash, wrap
from syncapp.core.resolve import instead, resolve
from syncapp.core.rule.collection_rule import CollectionRule
from syncapp.core.rule.policy import Policy, Resolvers
from syncapp.core.strategy import Conflict, Verdict
from syncapp.core.values import ATLAS_ORIGIN, Fact, Side
from tests.support import resolvers

MODULE = "tests.support.resolvers"
FACTS = {
    Side.LOCAL: Fact(1, 1_772_366_403_004, "device"),
    Side.ATLAS: Fact(1, 1_772_366_405_120, ATLAS_ORIGIN),
}
LOCAL, ATLAS, BASE = ({"_id": 1, "v": version, "n": Int64(1)} for version in ("local", "atlas", "base"))


def conflict(name: str, local: Any = LOCAL, atlas: Any = ATLAS, **policy: Any) -> Conflict:
    documents = {side: one and bson.encode(one) for side, one in zip(Side, (local, atlas), strict=True)}
    rules = Policy(
        "callable", rule=CollectionRule(resolver=f"{MODULE}.{name}"), resolvers=Resolvers((MODULE,), 5.0)
    )
    contents = {side: content_hash(document) for side, document in documents.items()}
    return Conflict(contents, FACTS, replace(rules, **policy), documents, bson.encode(BASE), "orders")


def verdict(name: str, **more: Any) -> Verdict:
    """As the engine makes it."""
    asked = conflict(name, **more)
    try:
        return resolve(asked)
    except Exception as error:
        found = instead(asked, error)
        assert found is not None
        return found


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    resolvers.calls.clear()

    def answer(value: Any, **more: Any) -> Verdict:
        monkeypatch.setattr(resolvers, "answer", value)
        return verdict("given", **more)

    return answer


def test_it_gets_the_documents_and_what_is_known_of_them(answering: Any) -> None:
    found = answering("local", local=None)
    ((base, local, atlas, context, _),) = resolvers.calls
    assert (base, local, atlas) == (BASE, None, ATLAS)
    assert (context.collection, context.origins) == ("orders", {"local": "device", "atlas": "atlas"})
    assert context.times["atlas"] == dt.datetime(2026, 3, 1, 12, 0, 5, 120_000, dt.UTC)
    assert (found.winner, found.rule, found.document) == (Side.LOCAL, "callable", None)
    assert found.because.startswith(f"{MODULE}.given chose: the local delete of 2026-03-01")


def test_none_leaves_it_to_a_person(answering: Any) -> None:
    assert answering(None).winner is None


def test_its_document_is_what_both_sides_become(answering: Any) -> None:
    answer = {"v": "third", "_id": 1, "n": Int64(1)}
    found = answering(answer)
    assert found.document == bson.encode({"_id": 1, "v": "third", "n": Int64(1)}), "the _id first, types kept"
    assert not found.lossless, "both versions are in the record"


def test_an_equal_id_keeps_its_bytes(answering: Any) -> None:
    assert bson.decode(answering({"_id": 1.0}).document) == {"_id": 1}
    assert isinstance(bson.decode(answering({"_id": 1.0}).document)["_id"], int)


WRONG = [
    (7, "WrongAnswer: it returned a value of type int; allowed: a document, \"local\", \"atlas\", None"),
    ("both", 'WrongAnswer: it returned a value of type str; allowed: a document, "local", "atlas", None'),
    ({"v": 1}, "WrongAnswer: its document has another _id, or none"),
    ({"_id": 2}, "WrongAnswer: its document has another _id, or none"),
    ({"_id": True}, "WrongAnswer: its document has another _id, or none"),
    ({"_id": 1, "v": object()}, "WrongAnswer: its document cannot be stored: "),
    ({"_id": 1, "v": "x" * (16 << 20)}, "WrongAnswer: its document has 16,777,238 bytes, more than a document may have"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "why"), WRONG)
def test_a_wrong_answer_lets_the_general_strategy_decide(answering: Any, answer: Any, why: str) -> None:
    found = answering(answer)
    assert (found.winner, found.rule) == (Side.ATLAS, "callable failed: last-write-wins")
    assert f"{MODULE}.given failed ({why}"[:300] in found.because
    assert "; last write wins: Atlas's version of 2026-03-01 12:00:05.120 UTC" in found.because


def test_so_does_what_it_raises() -> None:
    found = verdict("fails", fallback="local-wins")
    assert (found.winner, found.rule) == (Side.LOCAL, "callable failed: local-wins")
    assert found.because.startswith(f"{MODULE}.fails failed (LookupError: no such\\nshop); local wins")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (f"{MODULE}.absent", f"the module {MODULE} has no function absent"),
        (f"{MODULE}.NOT_A_FUNCTION", f"the module {MODULE} has no function NOT_A_FUNCTION"),
        (f"{MODULE}.absent.function", "No module named"),
        ("os.system", f"allowed: a function of the modules {MODULE}"),
        ("tests.support.resolversandmore.f", f"allowed: a function of the modules {MODULE}"),
        ("", f"allowed: a function of the modules {MODULE}"),
    ],
)
def test_a_function_that_is_not_there_or_not_allowed(path: str, why: str) -> None:
    found = verdict("given", rule=CollectionRule(resolver=path))
    assert found.rule == "callable failed: last-write-wins"
    assert why in found.because


def test_without_the_setting_no_module_is_allowed() -> None:
    found = verdict("given", resolvers=Resolvers())
    assert "allowed: a function of the modules none (SYNC_RESOLVER_MODULES is empty)" in found.because


def test_a_late_function_is_ended_even_if_it_holds_on() -> None:
    before = signal.getsignal(signal.SIGALRM)
    found = verdict("sleeps", resolvers=Resolvers((MODULE,), 0.05))
    assert "TimeoutError: it took longer than 0.05 s (SYNC_RESOLVER_MS)" in found.because
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_outside_of_the_main_thread_it_is_left_behind(answering: Any) -> None:
    found: list[Verdict] = []
    late = Resolvers((MODULE,), 0.05)
    thread = threading.Thread(
        target=lambda: found.extend([verdict("sleeps", resolvers=late), answering("atlas")])
    )
    thread.start()
    thread.join(30)
    assert "it took longer than 0.05 s" in found[0].because
    assert found[1].winner is Side.ATLAS


def test_what_cannot_be_decoded_is_not_its_fault_but_the_strategys() -> None:
    asked = conflict("given")
    bad = wrap(asked.documents[Side.LOCAL][4:-1] + b"\x02s\0\x03\0\0\0\xff\xff\0")  # type: ignore[index]
    asked = asked._replace(documents={**asked.documents, Side.LOCAL: bad})
    with pytest.raises(Exception, match="utf-8") as raised:
        resolve(asked)
    assert instead(asked, raised.value) is not None  # type: ignore[arg-type]


def test_other_strategies_have_no_substitute() -> None:
    asked = conflict("given")
    other = asked._replace(policy=replace(asked.policy, strategy="newest"))
    assert instead(other, ValueError()) is None


def test_the_fallback_may_be_a_merge() -> None:
    asked = {"local": {**BASE, "v": "local"}, "atlas": {**BASE, "w": 1}}
    found = verdict("fails", fallback="field-merge", **asked)
    assert bson.decode(found.document or b"") == {**BASE, "v": "local", "w": 1}
    assert found.rule == "callable failed: field-merge"
    assert not found.lossless, "a failure leaves a record"


def test_the_setting_has_names_of_modules() -> None:
    assert load({"SYNC_RESOLVER_MODULES": "myshop.rules, other"}).sync_resolver_modules == (
        "myshop.rules",
        "other",
    )
    with pytest.raises(SettingsError, match=r"SYNC_RESOLVER_MODULES.*names of Python modules"):
        load({"SYNC_RESOLVER_MODULES": "my-shop"})


def test_an_alarm_as_the_function_ends_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its handler is gone, the next would end the process."""
    asked, real = iter((1, 2)), signal.setitimer

    def rings(which: int, seconds: float, interval: float = 0.0) -> Any:
        if next(asked, 0) == 2:  # as it is taken back
            raise resolver._Late
        return real(which, seconds, interval)

    monkeypatch.setattr(signal, "setitimer", rings)
    try:
        with pytest.raises(TimeoutError), resolver._alarm(60):
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    finally:
        real(signal.ITIMER_REAL, 0)


def test_the_documents_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (BASE_DIR / "docs" / "conflicts.md").read_text()
    (example,) = (
        one for one in re.findall(r"```python\n(.+?)```", text, re.DOTALL) if "def merge_order" in one
    )
    package = tmp_path / "myshop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "rules.py").write_text(example)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "myshop", raising=False)
    rules = {"rule": CollectionRule(resolver="myshop.rules.merge_order"), "resolvers": Resolvers(("myshop",))}
    paid = {"_id": 1, "state": "paid", "note": ""}
    cancelled = {"_id": 1, "state": "cancelled", "note": "by phone"}
    found = verdict("", local=cancelled, atlas=paid, **rules)
    assert bson.decode(found.document or b"") == {"_id": 1, "state": "paid", "note": "by phone"}
    assert verdict("", local=None, atlas=paid, **rules).winner is None
    assert verdict("", local=cancelled, atlas={**cancelled, "note": ""}, **rules).winner is Side.ATLAS
