"""Both versions count, field by field: each field is taken from the side that changed it. Those that both sides changed are
combined by the collection's rule (numbers, arrays); what the rule does not say goes by last write."""

from __future__ import annotations

from syncapp.core import by_time
from syncapp.core.merge import merge
from syncapp.core.strategy import Conflict, Strategy, Verdict
from syncapp.core.text.one_line import one_line
from syncapp.core.values import BOTH, Side
from syncapp.core.wording import after, dated

NAME = "field-merge"
NAMED = 5  # fields in a reason; the record has all


def resolve(conflict: Conflict) -> Verdict:
    last = by_time.resolve(conflict)
    versions = {side: found for side in BOTH if (found := conflict.documents[side]) is not None}
    if len(versions) < len(BOTH):
        return _whole(last, "one side deleted the document")
    merged = merge(conflict.base, versions, last.winner or Side.LOCAL, conflict.policy.rule)
    if merged is None:
        return _whole(last, "both versions together are larger than a document may be")
    if merged.contested and last.winner is None:
        return _whole(last, f"both sides changed {_named(merged.contested)}")
    rule = NAME if conflict.base is not None else f"{NAME} (no base)"
    because = _because(conflict, last, merged.contested)
    return Verdict(
        last.winner,
        rule,
        because,
        document=merged.document,
        fields=merged.contested,
        lossless=not merged.contested,
    )


def _because(conflict: Conflict, last: Verdict, contested: tuple[str, ...]) -> str:
    if not contested:
        first, second = dated(conflict, Side.LOCAL), after(conflict, Side.ATLAS)
        return f"{NAME}: {first} and {second} changed different fields, or fields whose changes add up"
    if conflict.base is None:
        why = "what both versions were made from is not kept"
        return f"{NAME} without base ({why}): {last.because}; they differ in {_named(contested)}"
    return f"{NAME}: both sides changed {_named(contested)}; there {last.because}"


def _named(fields: tuple[str, ...]) -> str:
    more = f" and {len(fields) - NAMED} more" if len(fields) > NAMED else ""
    return ", ".join(one_line(name) for name in fields[:NAMED]) + more


def _whole(last: Verdict, why: str) -> Verdict:
    """One version is taken as a whole, or an operator decides."""
    return last._replace(because=f"{NAME}, but {why}: {last.because}")


STRATEGY = Strategy(
    NAME, "each field by the side that changed it", resolve, needs_documents=True, keeps_base=True
)
