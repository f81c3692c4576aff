"""Batches that are fetched while those before are worked on: in order, until one is not full, and never lost
silently."""

from __future__ import annotations

import threading
import time

import pytest

from syncapp.core.changes import Fetched
from syncapp.listener.streams.fetch_ahead import AHEAD, FetchAhead
from syncapp.mongo.errors import ConnectionDown

FULL = 3
FAR_SECONDS, TIMES, FAR_TIMES = 0.02, 3, 10


class Stream:
    """Brings batches with so many events each; then it fails."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = list(sizes)
        self.asked = threading.Semaphore(0)
        self.times: list[int] = []
        self.seconds = 0.0

    def fetch(self, wait_ms: int, times: int = 1) -> Fetched:
        self.asked.release()
        self.times.append(times)
        time.sleep(self.seconds)
        if not self.sizes:
            raise ConnectionDown("the server is down")
        size = self.sizes.pop(0)
        return Fetched([b"event"] * size, {"_data": str(len(self.sizes))}, 0, 0, 0.0, False, size >= FULL)

    def close(self) -> None: ...


def ahead_of(*sizes: int) -> tuple[FetchAhead, Stream]:
    stream = Stream(*sizes)
    return FetchAhead(stream, 10, FAR_SECONDS, TIMES, FAR_TIMES), stream


def read(ahead: FetchAhead) -> list[int]:
    sizes = []
    while ahead.active:
        sizes.append(len(ahead.next().events))
    return sizes


def test_it_goes_on_until_a_batch_is_not_full() -> None:
    ahead, stream = ahead_of(FULL, FULL, FULL, FULL, 1, FULL)
    ahead.begin()
    assert read(ahead) == [FULL, FULL, FULL, FULL, 1]
    assert stream.sizes == [FULL]  # the stream is its reader's again
    ahead.begin()
    with pytest.raises(ConnectionDown):
        read(ahead)
    assert not ahead.active
    ahead.end()


def test_it_does_not_run_far_ahead_and_ends_though_nobody_takes_what_it_fetched() -> None:
    ahead, stream = ahead_of(*[FULL] * 100)
    ahead.begin()
    for _ in range(AHEAD + 1):
        assert stream.asked.acquire(timeout=10)
    assert not stream.asked.acquire(timeout=0.2)
    ahead.end()
    assert len(stream.sizes) >= 100 - 2 * (AHEAD + 1)


def test_an_error_comes_after_what_was_fetched_before_it() -> None:
    ahead, _ = ahead_of(FULL)
    ahead.begin()
    assert len(ahead.next().events) == FULL
    with pytest.raises(ConnectionDown):
        ahead.next()
    ahead.end()


def test_a_long_way_is_gone_with_more_at_once() -> None:
    ahead, stream = ahead_of(FULL, FULL, 1)
    stream.seconds = 2 * FAR_SECONDS
    ahead.begin()
    read(ahead)
    assert stream.times == [TIMES, FAR_TIMES, FAR_TIMES]


def test_ending_without_a_beginning_is_nothing() -> None:
    ahead, _ = ahead_of()
    ahead.end()
    assert not ahead.active
