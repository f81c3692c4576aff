"""Where nobody knows when either version was made, and an operator chose the newest: the version with the later
timestamp in a field of its own. Atlas's, if the fields do not say."""

from __future__ import annotations

import math

from syncapp.core.rule.stamps import stamp_of
from syncapp.core.strategies.chosen import answer, because
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side, Stamp
from syncapp.core.wording import moment, named


def resolve(conflict: Conflict) -> Verdict:
    policy = conflict.policy
    stamps = {side: stamp_of(conflict.documents[side], policy.timestamp_field) for side in Side}
    winner = later(stamps[Side.LOCAL], stamps[Side.ATLAS])
    what = _why(conflict, winner or Side.ATLAS, stamps, tells=winner is not None)
    return Verdict(winner or Side.ATLAS, answer(policy), because(policy, what))


def later(local: Stamp | None, atlas: Stamp | None) -> Side | None:
    """None: the timestamps do not say."""
    if local is None or atlas is None or local.kind != atlas.kind or local.value == atlas.value:
        return None
    return Side.LOCAL if local.value > atlas.value else Side.ATLAS


def _why(conflict: Conflict, winner: Side, stamps: dict[Side, Stamp | None], *, tells: bool) -> str:
    field = one_line(conflict.policy.timestamp_field)
    first, second = (f"{named(conflict, side)} ({_text(stamps[side])})" for side in (winner, winner.other))
    if tells:
        return f"by {field}, {first} is newer than {second}"
    return f"{field} does not tell which of {first} and {second} is newer, and Atlas's is taken"


def _text(stamp: Stamp | None) -> str:
    if stamp is None:
        return "no timestamp"
    # The unit of numbers is unknown
    return str(stamp.value) if stamp.kind != "time" else moment(math.floor(stamp.value / 1000))


STRATEGY = Strategy(
    "newest", "the version that says of itself that it is newer", resolve, needs_documents=True, offered=False
)
