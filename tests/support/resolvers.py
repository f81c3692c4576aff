"""An operator's own resolvers of conflicts, for tests."""

from __future__ import annotations

import threading
import time
from typing import Any

calls: list[tuple[Any, ...]] = []  # what `given` was asked, and in which thread
answer: Any = None


def given(base: Any, local: Any, atlas: Any, context: Any) -> Any:
    calls.append((base, local, atlas, context, threading.current_thread()))
    return answer


def both(base: Any, local: Any, atlas: Any, context: Any) -> Any:
    """Atlas's version with what is only in the local one."""
    return {**local, **atlas}


def fails(base: Any, local: Any, atlas: Any, context: Any) -> Any:
    raise LookupError("no such\nshop")


def sleeps(base: Any, local: Any, atlas: Any, context: Any) -> Any:
    """It takes what ends it for an error of its own, once."""
    try:
        time.sleep(60)
    except BaseException:
        pass
    time.sleep(60)


NOT_A_FUNCTION = 1
