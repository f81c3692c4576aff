"""Waiting for something that another process does: a condition and a message, never a bare sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], message: str, timeout: float = 15, every: float = 0.04) -> T:
    """The first true value of `condition`. Fails with `message` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s still not: {message} (last value: {value!r})")
        time.sleep(every)
