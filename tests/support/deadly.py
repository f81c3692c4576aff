"""Loaded by a worker (`celery worker -I tests.support.deadly`): whoever works on a document of these `_id`s ends at once,
as by a crash in C or for want of memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from typing import Any

import bson

from syncapp.compare import differences as compare
from syncapp.compare import ranges
from syncapp.engine import deciding
from tests.support.deadly_ids import CHILD, COMPARED, COMPARED_BY_GROUP, GROUP

_decide = deciding.decide
_portions, _read_documents = ranges.portions, compare.read_documents


def _decide_or_end(seen: Any, item: Any, *others: Any) -> Any:
    identity = bson.decode(item.key.id_bson)["_id"]
    if identity == CHILD:
        os.kill(os.getpid(), signal.SIGKILL)
    if identity == GROUP:
        os.killpg(0, signal.SIGKILL)
    return _decide(seen, item, *others)


deciding.decide = _decide_or_end


def _end_over(documents: Iterable[bytes]) -> None:
    """Not over one of which only the `_id` is read."""
    found = {one["_id"] for one in map(bson.decode, documents) if len(one) > 1}
    if COMPARED in found:
        os.kill(os.getpid(), signal.SIGKILL)
    if COMPARED_BY_GROUP in found:
        os.killpg(0, signal.SIGKILL)


def _portions_or_ends(*arguments: Any) -> Iterator[list[bytes]]:
    for documents in _portions(*arguments):
        _end_over(documents)
        yield documents


def _read_documents_or_ends(*arguments: Any) -> Any:
    found = _read_documents(*arguments)
    _end_over(found.values())
    return found


ranges.portions = _portions_or_ends  # type: ignore[assignment]
compare.read_documents = _read_documents_or_ends
