"""What a test under traffic has measured, against the limits of the migration guide, which are those of health."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from monitoring import figures
from monitoring.figures import DirectionTotals
from monitoring.health.assess import Thresholds
from syncapp.core.values import BOTH
from syncapp.selftest.bench import ARROWS, NAMES
from syncapp.selftest.traffic import Flow, Rate, Traffic, directions
from syncapp.selftest.values import Line, failed, passed

LIMITS = Thresholds()
COUNTED_S = 5.0  # the listener writes its figures about once a second


def of_rate(rate: Rate) -> Line:
    able = ", ".join(f"{NAMES[side]} {rate.able[side]:,.0f}/s" for side in BOTH)
    said = f"{rate.value:,.1f} writes a second on both sides together"
    if rate.is_limited:
        said += f" (asked for: {rate.wanted:,.1f}, which is more than {rate.share:.0%} of the slower side)"
    else:
        said += f", at most {rate.share:.0%} of the slower side"
    measured = {f"{side}WritesPerSecond": round(rate.able[side]) for side in BOTH}
    return passed(
        f"One client can write: {able}. This test: {said}", ratePerSecond=round(rate.value, 1), **measured
    )


def of_latency(flows: list[Flow]) -> Iterator[Line]:
    """Below the limit for 99 of 100."""
    for key, flow in directions(flows):
        p50, p95, p99 = (flow.percentile_ms(share) for share in (0.5, 0.95, 0.99))
        text = (
            f"{ARROWS[flow.source]}: latency p50 {p50:,.0f} ms, p95 {p95:,.0f} ms, p99 {p99:,.0f} ms"
            f" (p99 below {LIMITS.lag_warning_ms:,.0f} ms)"
        )
        values = {f"{key}P50Ms": round(p50), f"{key}P95Ms": round(p95), f"{key}P99Ms": round(p99)}
        fine = bool(flow.latencies) and p99 < LIMITS.lag_warning_ms
        yield Line(fine, text, values)


def of_arrivals(traffic: Traffic, flows: list[Flow]) -> Line:
    written, arrived = sum(flow.written for flow in flows), sum(flow.arrived for flow in flows)
    rate = written / traffic.wrote_s if traffic.wrote_s else 0.0
    text = f"{written:,} written in {traffic.wrote_s:,.1f} s ({rate:,.1f}/s), {arrived:,} arrived"
    values = {"written": written, "arrived": arrived, "writtenPerSecond": round(rate, 1)}
    return Line(written == arrived, text, values)


def of_queue(traffic: Traffic, *, at_end_only: bool) -> Line:
    """`at_end_only`: it may rise under load, and has to fall again."""
    most, last = max(traffic.queue, default=0), traffic.queue[-1] if traffic.queue else 0
    judged = last if at_end_only else most
    when = "at the end" if at_end_only else "always"
    text = f"Pending changes: at most {most:,}, {last:,} at the end ({when} below {LIMITS.pending})"
    return Line(judged < LIMITS.pending, text, {"pendingMost": most, "pendingAtEnd": last})


@dataclass(frozen=True, slots=True)
class Counted:
    """The listener's figures of all changes, of applications too, since `begin`."""

    before: DirectionTotals

    @classmethod
    def begin(cls) -> Counted:
        return cls(figures.together(figures.totals()))

    def lines(self, expected: int) -> Iterator[Line]:
        """`expected`: so many changes at least are waited for."""
        deadline = time.monotonic() + COUNTED_S
        while True:
            now = figures.together(figures.totals())
            processed = now.processed - self.before.processed
            if processed >= expected or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        yield _processing(processed, now.time_ms - self.before.time_ms)
        yield _errors(processed, now.failed - self.before.failed)


def _processing(processed: int, time_ms: float) -> Line:
    average = time_ms / processed if processed else 0.0
    limit = LIMITS.average_warning_ms
    text = f"Processing: {average:,.1f} ms a change on average of {processed:,} (below {limit:,.0f} ms)"
    fine = passed if processed and average < limit else failed
    return fine(text, processingMs=round(average, 1), processed=processed)


def _errors(processed: int, rejected: int) -> Line:
    share = rejected / processed if processed else 0.0
    text = f"Rejected: {rejected:,} of {processed:,} ({share:.1%}, below {LIMITS.error_share_warning:.0%})"
    return Line(share < LIMITS.error_share_warning, text, {"rejectedShare": round(share, 4)})
