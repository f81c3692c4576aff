"""A strategy that needs documents: the greater `v` wins, which in tests is the later write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument

from syncapp.core import strategies
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import Side
from syncapp.engine import change_processor, pushing

NAME = "greater-v"


@dataclass
class Asked:
    """What the strategy was asked, and whether a transaction was open meanwhile in the task that asked."""

    versions: list[tuple[int, int]] = field(default_factory=list)  # (local, Atlas's); 0: absent
    in_transaction: bool = False
    fails_for: frozenset[int] = frozenset()  # local versions
    open: threading.local = field(default_factory=threading.local)

    def resolve(self, conflict: Conflict) -> Verdict:
        local, atlas = (_version(conflict.documents[side]) for side in Side)
        self.versions.append((local, atlas))
        self.in_transaction |= getattr(self.open, "count", 0) > 0
        if local in self.fails_for:
            raise ArithmeticError(f"cannot compare {local}")
        return Verdict(Side.LOCAL if local > atlas else Side.ATLAS, NAME, f"{local} is compared with {atlas}")


def _version(document: bytes | None) -> int:
    return 0 if document is None else int(RawBSONDocument(document)["v"])


def offer_greater_v(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """It is offered while the test runs."""
    asked = Asked()
    strategy = Strategy(NAME, "the greater v", asked.resolve, needs_documents=True)
    monkeypatch.setitem(strategies.ALL, NAME, strategy)
    real = change_processor.transaction

    @contextmanager
    def watched(*arguments: Any) -> Iterator[Any]:
        asked.open.count = getattr(asked.open, "count", 0) + 1
        try:
            with real(*arguments) as session:
                yield session
        finally:
            asked.open.count -= 1

    for module in (change_processor, pushing):
        monkeypatch.setattr(module, "transaction", watched)
    return asked
