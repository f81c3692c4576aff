"""Every write that a collection gets, by its change stream, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from pymongo.collection import Collection
from pymongo.errors import PyMongoError

WRITES = ("insert", "update", "replace", "delete")
WAIT_MS = 100


class Watch:
    """`with Watch(collection, take) as watch`: `take` gets each event, with the document as it is then."""

    def __init__(self, collection: Collection[Any], take: Callable[[Mapping[str, Any]], None]) -> None:
        pipeline = [{"$match": {"operationType": {"$in": list(WRITES)}}}]
        self._stream = collection.watch(pipeline, full_document="updateLookup", max_await_time_ms=WAIT_MS)
        self._take, self._over = take, threading.Event()
        self._thread = threading.Thread(target=self._follow, name="self-test's watch", daemon=True)
        self.error: PyMongoError | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._stream.close()

    def _follow(self) -> None:
        try:
            while not self._over.is_set():
                event = self._stream.try_next()
                if event is not None:
                    self._take(event)
        except PyMongoError as error:
            self.error = error
