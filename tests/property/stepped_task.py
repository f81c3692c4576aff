"""The real change processor on a thread that stops at each of its named points until it is told to go on,
or to die there."""

from __future__ import annotations

import queue
import threading

from syncapp.core.rule.policy import Policy
from syncapp.core.values import Batch, Outcome
from syncapp.engine.change_processor import ChangeProcessor
from syncapp.mongo.errors import SyncError

# Here a transaction holds written documents: to stop for long would only make others wait for it
HOLDING = frozenset({"local written", "atlas written"})
PATIENCE_SECONDS = 30


class Crash(BaseException):
    """The worker dies here; nobody is told."""


class SteppedTask:
    """`ended` is true when the thread is done; `outcomes` is None if it died or failed."""

    def __init__(self, processor: ChangeProcessor, batch: Batch, policy: Policy) -> None:
        self.batch = batch
        self.outcomes: list[Outcome] | None = None
        self.failure: BaseException | None = None
        self.ended = False
        self._processor = processor
        self._policy = policy
        self._reached: queue.Queue[str | None] = queue.Queue()
        self._commands: queue.Queue[str] = queue.Queue()
        self.point = "start"
        processor.at = self._at
        processor.sleep = lambda seconds: None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self, stop_when_holding: bool = False) -> str | None:
        """Go on to the next point where it may stop; None: it has ended."""
        self._tell("go")
        while self.point in HOLDING and not stop_when_holding:
            self._tell("go")
        return None if self.ended else self.point

    def crash(self, holding: bool) -> None:
        """Die at this point; or, if `holding`, at the next one where documents are written but not committed."""
        while holding and not self.ended and self.point not in HOLDING:
            self._tell("go")
        if not self.ended:
            self._tell("crash")
        self.outcomes = None

    def finish(self) -> None:
        while not self.ended:
            self._tell("go")

    def _tell(self, command: str) -> None:
        self._commands.put(command)
        point = self._reached.get(timeout=PATIENCE_SECONDS)
        if point is None:
            self.ended = True
            self.point = "end"
            self._thread.join()
        else:
            self.point = point

    def _at(self, point: str) -> None:
        self._reached.put(point)
        if self._commands.get(timeout=10 * PATIENCE_SECONDS) == "crash":
            raise Crash

    def _run(self) -> None:
        try:
            if self._commands.get(timeout=10 * PATIENCE_SECONDS) == "go":
                self.outcomes = self._processor.process(self.batch, self._policy)
        except (SyncError, Crash) as error:
            self.failure = error
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._reached.put(None)
