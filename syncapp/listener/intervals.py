"""How long the listener waits for what, in one value: tests hand in a short one. No settings of the operator."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds."""

    # Between two looks of the active listener
    books: float = 1.0  # at figures, for Django's database
    overdue: float = 1.0  # at tasks that do not report
    workers: float = 2.0  # at whether workers should be asked
    reports: float = 3.0  # at whether the session is over, while no report comes
    rules: float = 1.0  # at the version of the rules
    all_rules: float = 15.0  # at all rules; a change of their version is seen at once
    halts: float = 1.0  # at whether an operator has answered
    halts_at_rest: float = 10.0  # the same while nothing is halted, and nothing moves
    first_run: float = 2.0  # at whether the operator has chosen
    runs: float = 2.0  # at comparison runs
    mirror: float = 2.0  # at what Django's database is to show
    catch_up: float = 5.0  # at what it missed while it was down
    heartbeat: float = 5.0  # at both counters; they are raised if anything was transferred since then
    heartbeat_idle: float = 10.0  # between two beats otherwise, of a device alone on its Atlas
    heartbeat_idle_most: float = 60.0  # the same among many devices
    # Between two beats of all devices on one Atlas together, on average: of idle ones, until each beats as rarely as above;
    # and in any case
    heartbeat_fleet_idle: float = 1.0
    heartbeat_fleet: float = 0.25
    waiting: float = 15.0  # at what waits for operators, for other devices' operators
    devices: float = 30.0  # at what the other devices report
    clock: float = 15.0  # at the servers' clocks
    oplogs: float = 300.0  # at how far the oplogs reach back
    refusals: float = 60.0  # at collections that cannot be synchronised
    structural: float = 1.0  # at drops and renames, and between two attempts to judge one
    # Tokens and lease
    lease_share: float = 0.15  # of the lease's duration, between two renewals
    lease_least: float = 0.2  # however short the lease
    idle_token: float = 10.0  # how often an idle stream's token is saved, to keep it recent
    # Streams
    idle_fetch: float = 0.5  # maxTimeMS of a fetch without events
    rest_fetch: float = 1.0  # the same at rest; a stop, and a key that waits for the stream, wait for its end
    rest: float = 30.0  # a stream that has brought no change for so long is at rest
    busy_fetch: float = 0.01  # the same while a key waits for the stream to be read past a position
    room: float = 0.02  # between two checks whether more may be read
    far_fetch: float = 0.02  # a fetch that takes longer goes a long way: it can bring more at the same price
    overtake: float = 0.3  # a stream that is behind for so long is overtaken by what goes first
    filter: float = 10.0  # time limit for the streams to apply changed exclusions
    soon: float = 0.5  # the longest first wait before a lost stream, or the listener, is tried again
    reconnect: float = 25.0  # the longest one; what is back must be noticed within half a minute
    # Dispatch
    idle: float = 0.25  # polling interval while nothing changes
    broker: float = 0.5  # after an error of the broker
    complain: float = 30.0  # a broker that stays down is logged once per interval
    lag: float = 1.0  # a stream that lags more is read further before keys are dispatched
    busy: float = 1.0  # a task without a report for so long may be lost, and does not block others
    worker: float = 60.0  # a worker process without a report for so long is not counted
    ask: float = 10.0  # without a report, before workers are pinged
    answer: float = 12.0  # time limit for the answer
    # What fails
    retry_first: float = 0.5  # delay after a document's first failed attempt; doubled each time
    retry_longest: float = 30.0
    barred: float = 10.0  # until somebody may have fixed the login or the privileges
    still: float = 60.0  # time limit for the oldest change of a stream
    spare: float = 15.0  # for the next, due attempt to report
    lost_slice: float = 15.0  # a comparison's task that is overdue for so long counts as lost, at the latest
    clock_jump: float = 3600.0  # how long a jump of a clock is shown
    # Beginning and end
    stand_by: float = 1.0
    stand_by_note: float = 15.0  # how often a listener that stands by says so
    # Whatever CHANGE_STREAM_RECONNECT_INTERVAL says; to try takes up to 5 s more
    start_again: float = 25.0
    start_again_misconfigured: float = 10.0  # a person is just fixing it
    drain: float = 3.0  # how long a stop waits for the reports of tasks that run
    join: float = 2.0  # and for each stream's thread
    last: float = 3.0  # and for Django's database

    def eased(self, times: int) -> Intervals:
        """The factor for slow polling intervals. What nobody waits for is looked at even less often."""
        looks = (
            "books", "overdue", "workers", "reports", "rules", "halts", "heartbeat", "heartbeat_idle", "heartbeat_idle_most",
            "lease_share", "lease_least", "idle_fetch", "rest_fetch", "structural", "idle", "ask",
        )  # fmt: skip
        at_leisure = (
            "all_rules", "runs", "mirror", "catch_up", "waiting", "devices", "clock", "idle_token",
        )  # fmt: skip
        factors = {**dict.fromkeys(looks, times), **dict.fromkeys(at_leisure, 2 * times - 1)}
        return replace(self, **{name: factor * getattr(self, name) for name, factor in factors.items()})

    def renewal(self, lease: float) -> float:
        """Between two renewals of a lease that lasts so long."""
        return max(self.lease_least, self.lease_share * lease)

    def retry(self, attempts: int) -> float:
        """The delay after so many failed attempts."""
        return min(self.retry_longest, self.retry_first * 2.0 ** min(attempts - 1, 16))


USUAL = Intervals()
