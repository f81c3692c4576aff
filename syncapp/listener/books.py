"""What the active listener tells of itself: figures for Django's database."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from syncapp.core.clock import now_ms, steady_s
from syncapp.core.values import Side
from syncapp.listener.dispatcher import Dispatcher
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.listener.refused import Refused
from syncapp.listener.safeguards import Safeguards
from syncapp.listener.streams.stream_reader import StreamStatus
from syncapp.listener.telemetry import status
from syncapp.listener.telemetry.clock_watch import ClockWatch
from syncapp.listener.telemetry.headroom import Headroom
from syncapp.listener.telemetry.metrics import MetricsBuffer
from syncapp.listener.telemetry.questions import answer_questions
from syncapp.listener.telemetry.samples import Samples
from syncapp.store.lease import Lease


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class Books:
    device: str
    lease: Lease
    dirty: DirtyKeys
    metrics: MetricsBuffer
    clock: ClockWatch
    safeguards: Safeguards
    refused: Refused
    headroom: Headroom
    dispatcher: Dispatcher
    streams: Callable[[], Mapping[Side, StreamStatus]]
    waiting_for: str = ""  # why the streams are not read yet
    started_at: dt.datetime = field(default_factory=_now)
    _samples: Samples = field(default_factory=Samples)
    _publisher: status.Publisher = field(init=False)

    def __post_init__(self) -> None:
        self._publisher = status.Publisher(self.device)

    def keep(self, *, at_last: bool = False) -> None:
        """Raises DatabaseError: then nothing is lost, and it is repeated later."""
        figures = self.figures()
        counted = self.metrics.take()
        try:
            counted.flush()
        except Exception:
            self.metrics.merge(counted)
            raise
        if self._publisher.publish(figures, self.streams()):
            answer_questions(self.device, self.dirty, time.monotonic())
        self._look(figures)
        if at_last:
            self._samples.write()

    def _look(self, figures: status.ListenerFigures) -> None:
        """A lag that nobody can know is at least the time since the stream was lost."""
        now = _now()
        known = {Side.ATLAS: figures.pull_lag_ms, Side.LOCAL: figures.push_lag_ms}
        lags = {}
        for side, stream in self.streams().items():
            if stream.state != "stopped":
                blind = 0 if stream.state == "connected" else round(1000 * (now.timestamp() - stream.since))
                lags[side] = max(known[side], blind)
        self._samples.look(now, figures.queue_size, lags)

    def figures(self) -> status.ListenerFigures:
        now = self.clock.to_atlas_time(now_ms())
        queue = self.dirty.figures()
        lags = {side: 0 if oldest is None else max(0, now - oldest) for side, oldest in queue.oldest.items()}
        return status.ListenerFigures(
            epoch=self.lease.epoch,
            holder=self.lease.who,
            started_at=self.started_at,
            queue_size=queue.size,
            in_flight=queue.in_flight,
            pull_lag_ms=lags[Side.ATLAS],
            push_lag_ms=lags[Side.LOCAL],
            clock_offset_ms=self.clock.offsets.current,
            clock_warning=self.clock.warning,
            waiting_for=self.waiting_for,
            halts=[halt.as_document() for halt in self.safeguards.halts],
            heartbeat_ms=dict(self.safeguards.heartbeat.ages_ms),
            loops=self.safeguards.loops,
            loop_at=self.safeguards.loop_at,
            refused=self.refused.found,
            headroom={side.value: one.as_document() for side, one in self.headroom.found.items()},
            stuck=[one.as_document() for one in self.dispatcher.stuck.of(self.dirty, steady_s())],
            stops=self.dispatcher.watch.stops(),
        )
