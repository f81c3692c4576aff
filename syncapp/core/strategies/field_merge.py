"""Both versions count, field by field: each field is taken from the side that changed it. Those that both sides changed are
combined by the collection's rule (numbers, arrays); what the rule does not say goes by last write."""

from __future__ import annotations

from syncapp.core import by_time
from syncapp.core.merge import merge
from syncapp.core.one_line import one_line
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.values import BOTH, Side
from syncapp.core.wording import after, dated

NAME = "field-merge"
NAMED = 5  # fields in a reason; the record has all


def resolve(conflict: Conflict) -> Verdict:
    last = by_time.resolve(conflict)
    versions = {side: found for side in BOTH if (found := conflict.documents[side]) is not None}
    if last.winner is None or len(versions) < len(BOTH):
        # A person decides, by what was chosen for unknown times; or one of them deleted the document
        return last._replace(rule=f"{NAME}: {last.rule}", because=f"{NAME}: {last.because}")
    merged = merge(conflict.base, versions, last.winner, conflict.policy.rule)
    if merged is None:
        why = "both versions together are larger than a document may be"
        return last._replace(rule=f"{NAME}: {last.rule}", because=f"{NAME}, but {why}: {last.because}")
    rule = NAME if conflict.base is not None else f"{NAME} (no base)"
    because = _because(conflict, last, merged.contested)
    return Verdict(last.winner, rule, because, document=merged.document, fields=merged.contested)


def _because(conflict: Conflict, last: Verdict, contested: tuple[str, ...]) -> str:
    if not contested:
        first, second = dated(conflict, Side.LOCAL), after(conflict, Side.ATLAS)
        return f"{NAME}: {first} and {second} changed different fields, or fields whose changes add up"
    names = ", ".join(one_line(name) for name in contested[:NAMED])
    more = f" and {len(contested) - NAMED} more" if len(contested) > NAMED else ""
    if conflict.base is None:
        return f"{NAME} without base (what both versions were made from is not kept): {last.because}; they differ in {names}{more}"
    return f"{NAME}: both sides changed {names}{more}; there {last.because}"


STRATEGY = Strategy(
    NAME, "each field by the side that changed it", resolve, needs_documents=True, keeps_base=True
)
