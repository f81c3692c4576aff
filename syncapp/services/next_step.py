"""What sync does about one document next, in one sentence, as a task's rehearsal has found it (engine/rehearsal.py)."""

from __future__ import annotations

from functools import partial

from syncapp.core.decide import Decision
from syncapp.core.rule.collection_rule import OnLeave
from syncapp.core.rule.policy import Policy, Travel
from syncapp.core.text.extended_json import extended_id
from syncapp.core.text.one_line import one_line
from syncapp.core.text.plain_ids import plain_id
from syncapp.core.values import DocumentKey, Side
from syncapp.engine.examine import Examined
from syncapp.engine.holders import Holder
from syncapp.engine.rehearsal import Effect
from syncapp.services.masked import Masks

NOTHING = frozenset({Decision.EQUAL, Decision.AGREED, Decision.STAYS})
HOLDERS = 5  # that are named
KEPT = "both versions are kept in its record"
_DROPPED = "Atlas's version does not match the filter of the collection's rule"
_SAID = {
    Decision.EQUAL: "Nothing has to be transferred.",
    Decision.AGREED: "Nothing, until one of the sides changes.",
    Decision.STAYS: "Nothing: by the rules of the collection what has changed is not transferred.",
    Decision.OWED: "Atlas's version is brought here as soon as bidirectional sync is enabled.",
    Decision.HALTED: "Nothing, until the halt is answered.",
    Decision.MANUAL: "A conflict that needs manual resolution: nothing is written until an operator decides.",
}
# Of the local copy of what has left the filter
_FATES: dict[Travel | OnLeave, str] = {
    OnLeave.KEEP: "is kept",
    Travel.NEVER: "is kept, since nothing is brought here",
    Travel.ALLOWED: "is then dropped",
    Travel.WAITING: "is dropped as soon as bidirectional sync is enabled",
    Travel.HALTED: "is dropped when the halt is answered",
}


def next_step(found: Examined) -> str:
    effects, decision = found.rehearsed.effects, found.decision
    if effects and all(one.refused for one in effects):
        reason = Masks(None).reason(
            found.key.collection, effects[0].refused
        )  # all that may look at documents read it
        return f"It is rejected, and not transferred: {one_line(reason)}"
    if decision in _SAID:
        return _SAID[decision]
    if decision is Decision.CONFLICT:
        return _conflict(found) + _leaving(found)
    if decision is Decision.MERGED:
        return _merged(found, recorded=any(one.recorded for one in effects)) + _leaving(found) + _needs(found)
    effect = effects[0]
    if not all(one.gives_up for one in found.holders):
        return f"It is rejected, and not transferred.{_needs(found)}"
    said = _pulled(effect) if effect.push is None else _pushed(effect)
    if decision in (Decision.LOCAL_WINS, Decision.ATLAS_WINS):
        winner = "the local" if decision is Decision.LOCAL_WINS else "Atlas's"
        how = f"A conflict: by the strategy {_strategy(found)} {winner} version wins, and {KEPT}."
        if not effect.recorded:
            how = (
                f"Both versions are merged by the strategy {_strategy(found)}, which makes {winner} version."
            )
        said = f"{how} {said}"
    return said + _leaving(found) + _needs(found)


def _conflict(found: Examined) -> str:
    """Who wins is known by the times alone."""
    said = f"A conflict: the strategy {_strategy(found)} decides"
    if all(one.recorded for one in found.rehearsed.effects):
        return f"{said}, and {KEPT}."
    return f"{said}. If a halt or a validation rule holds the winner, nothing is written; else {KEPT}."


def _merged(found: Examined, *, recorded: bool) -> str:
    said = f"Both versions are merged by the strategy {_strategy(found)}."
    if found.twice:
        said = f"Both sides have made the same change, and both count. {said}"
    return f"{said[:-1]}, and kept in a conflict's record." if recorded else said


def _leaving(found: Examined) -> str:
    """What becomes of the local copy if what is pushed does not match the filter. Of a version that only an operator's function
    can make nobody knows it."""
    effects, policy = found.rehearsed.effects, found.policy
    leaving = [one.leaves for one in effects]
    if not policy.rule.filter or (effects and not any(leaving)):
        return ""
    fate = _FATES[_fate(policy)]
    if not all(leaving) or not effects:
        return f" If what goes up does not match the filter of the collection's rule, the local copy {fate}."
    what = "The merged version" if found.decision is Decision.MERGED else "The version that is pushed"
    return (
        f" {what} does not match the filter of the collection's rule: it goes up, and the local copy {fate}."
    )


def _needs(found: Examined) -> str:
    """Whose values of unique indexes it needs, and they in turn."""
    holders = found.holders[:HOLDERS]
    more = len(found.holders) - len(holders)
    return "".join(map(partial(_need, found), holders)) + (f" There are {more} more of them." if more else "")


def _need(found: Examined, holder: Holder) -> str:
    who = "it" if holder.for_key == found.key else _id(holder.for_key)
    fate = "gives it up by a change that is to come there, too" if holder.gives_up else "keeps it"
    where = "here" if holder.side is Side.LOCAL else "on Atlas"
    return f" The value of the unique index {one_line(holder.unique_index)} that {who} needs {where} is {_id(holder.key)}'s, which {fate}."


def _id(key: DocumentKey) -> str:
    return one_line(plain_id(extended_id(key.id_bson)))


def _fate(policy: Policy) -> Travel | OnLeave:
    return policy.travel[Side.ATLAS] if policy.rule.on_leave is OnLeave.DROP else OnLeave.KEEP


def _pulled(effect: Effect) -> str:
    if effect.dropped:
        return f"The local copy is dropped: {_DROPPED}."
    if effect.pull is not None and effect.pull.after is None:
        return "The document is deleted here, as it was on Atlas."
    return "Atlas's version is brought here."


def _pushed(effect: Effect) -> str:
    if effect.push is not None and effect.push.after is None:
        return "The document is deleted on Atlas, as it was here."
    return "The local version is brought to Atlas."


def _strategy(found: Examined) -> str:
    strategy = found.rehearsed.strategy
    return strategy.name if strategy else found.policy.strategy
