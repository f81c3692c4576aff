"""What listener and workers ask of a broker beside Celery's queues, whichever broker it is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from syncapp.apply.messages import Report

MAX_ENTRIES = 20_000
KEEP_SECONDS = 86_400


class BrokerAway(Exception):
    """It cannot be reached, or refuses. The text is one line of the broker's client."""


def stream_name(instance_id: str, epoch: int) -> str:
    """Late reports of an earlier epoch go to a stream that is no longer read."""
    return f"isthmus:{instance_id}:{epoch}:reports"


class Reports(Protocol):
    """Of a process. Nothing is sent before it is used; each use but `close` raises BrokerAway."""

    def send(self, stream: str, report: Report) -> None: ...

    def begin(self, stream: str, task_id: str, worker: str) -> bool:
        """A worker process starts a task. False: its keys have been re-queued meanwhile."""

    def reader(self, stream: str) -> ReportReader: ...

    def ping(self) -> object: ...

    def close(self) -> None: ...


class ReportReader(Protocol):
    """Reads the reports of one epoch, each once, in order. Each method but `close` raises BrokerAway."""

    @property
    def stream(self) -> str: ...

    def read(self, wait_ms: int) -> list[Report]:
        """Reports that came, or none after `wait_ms`."""

    def give_up(self, task_ids: Collection[str]) -> None:
        """Have workers skip these tasks."""

    def begun(self, task_ids: Collection[str]) -> set[str]:
        """Those of these tasks that are the latest one of a worker process."""

    def count_waiting(self, queue: str) -> int:
        """Tasks in one of Celery's queues that are not started yet."""

    def come_back(self) -> None:
        """The broker was down, and what was in it may be gone."""

    def close(self) -> None: ...
