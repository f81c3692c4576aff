"""A worker's liveness file for its container's health check: touched by the process that dispatches tasks, while it
works. Pinging a worker through the broker (`celery inspect ping`) takes a second of CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import bootsteps

VARIABLE = "ISTHMUS_ALIVE_FILE"  # set in the image (docker/Dockerfile)
EVERY_SECONDS = 30.0


class Alive(bootsteps.StartStopStep):
    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **options: Any) -> None:
        self._path = os.environ.get(VARIABLE, "")
        self._timer: Any = None

    def include_if(self, worker: Any) -> bool:
        return bool(self._path)

    def start(self, worker: Any) -> None:
        self._touch()
        self._timer = worker.timer.call_repeatedly(EVERY_SECONDS, self._touch)

    def stop(self, worker: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        Path(self._path).unlink(missing_ok=True)

    def _touch(self) -> None:
        Path(self._path).touch()
