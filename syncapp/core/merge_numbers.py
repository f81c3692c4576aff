"""Numbers that were changed on both sides: the least, the greatest, or both changes added up. BSON's types are kept."""

from __future__ import annotations

import decimal
import math
import struct
from collections.abc import Callable
from decimal import Decimal

from bson import Decimal128
from bson.decimal128 import create_decimal128_context

Element = tuple[int, bytes]  # BSON type and value
DOUBLE, INT32, INT64, DECIMAL = 0x01, 0x10, 0x12, 0x13
WIDTH = {INT32: 0, INT64: 1, DOUBLE: 2, DECIMAL: 3}  # a sum has the widest of its terms' types
ZERO = INT32, bytes(4)
RULES = ("last", "min", "max", "sum")
# The digits of any two doubles together
_EXACT = decimal.Context(
    prec=800, Emax=10_000, Emin=-10_000, traps=[decimal.Inexact, decimal.InvalidOperation]
)
_DECIMAL = create_decimal128_context()


def is_number(element: Element | None) -> bool:
    return element is not None and element[0] in WIDTH


def combine(
    rule: str, base: Element | None, first: Element, second: Element, *, known: bool
) -> Element | None:
    """`first`: the winner's, taken of two equal ones. `base`: absent counts as 0 if it is `known` to be. None: the rule does
    not say (not a finite number, no base, a sum beyond its type)."""
    values = [_value(one) for one in (first, second)]
    if rule not in RULES[1:] or None in values:
        return None
    if rule == "sum":
        return _sum(base or ZERO, first, second) if known else None
    better: Callable[..., Decimal] = min if rule == "min" else max
    return first if better(*values) == values[0] else second


def _sum(base: Element, first: Element, second: Element) -> Element | None:
    terms = [_value(one) for one in (first, second, base)]
    if any(one is None for one in terms):
        return None
    try:
        with decimal.localcontext(_EXACT):
            total = terms[0] + terms[1] - terms[2]  # type: ignore[operator]
    except decimal.Inexact:
        return None
    return _packed(max((one[0] for one in (base, first, second)), key=WIDTH.__getitem__), total)


def _value(element: Element) -> Decimal | None:
    """None: not a number, or not finite."""
    kind, raw = element
    if kind not in WIDTH:
        return None
    if kind == DECIMAL:
        number = Decimal128.from_bid(raw).to_decimal()
    elif kind == DOUBLE:
        # By its shortest text: 0.3 − 0.1 is 0.2, as a person who wrote the numbers expects
        number = Decimal(repr(struct.unpack("<d", raw)[0]))
    else:
        number = Decimal(int.from_bytes(raw, "little", signed=True))
    return number if number.is_finite() else None


def _packed(kind: int, total: Decimal) -> Element | None:
    if kind == DECIMAL:
        return _decimal(total)
    if kind == DOUBLE:
        double = float(total)
        return (DOUBLE, struct.pack("<d", double)) if math.isfinite(double) else None
    number = int(total)
    for integer, size in ((INT32, 4), (INT64, 8)):
        if WIDTH[integer] >= WIDTH[kind] and -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return integer, number.to_bytes(size, "little", signed=True)
    return None


def _decimal(total: Decimal) -> Element | None:
    with decimal.localcontext(_DECIMAL) as context:
        context.traps[decimal.Inexact] = True
        try:
            return DECIMAL, Decimal128(context.plus(total)).bid
        except decimal.DecimalException:
            return None
