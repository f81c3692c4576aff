"""The fewest operations that still go wrong: those of the collections concerned, then halves, quarters and so on
are left out as long as the fault stays."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tests.fuzz.operation import Operation

Fails = Callable[[list[Operation]], bool]


def shrink(
    operations: list[Operation], about: Collection[bytes], fails: Fails, trials: int
) -> list[Operation]:
    """`fails` carries a list out anew. At most so many trials: each takes as long as a run."""
    left = trials

    def still_fails(candidate: list[Operation]) -> bool:
        nonlocal left
        left -= 1
        return bool(candidate) and fails(candidate)

    concerned = [one for one in operations if not about or set(one.names) & set(about) or not one.names]
    if len(concerned) < len(operations) and left > 0 and still_fails(concerned):
        operations = concerned
    size = (len(operations) + 1) // 2
    while size and left > 0:
        start = 0
        while start < len(operations) and left > 0 and len(operations) > 1:
            candidate = operations[:start] + operations[start + size :]
            if still_fails(candidate):
                operations = candidate
            else:
                start += size
        size = size // 2
    return operations
