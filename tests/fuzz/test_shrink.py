"""The search for the fewest operations that still fail."""

from __future__ import annotations

from syncapp.core.values import Side
from tests.fuzz.bson_bytes import of
from tests.fuzz.operation import Operation, load, operation, save
from tests.fuzz.plan import make
from tests.fuzz.shrink import shrink


def numbered(number: int, name: bytes = b"a") -> Operation:
    return operation(Side.LOCAL, f"{number}", [name], [(b"drop", of(number))])


def test_two_guilty_ones_are_found_among_many() -> None:
    operations = [numbered(number) for number in range(60)]
    guilty = {operations[7], operations[44]}
    assert shrink(operations, [], lambda tried: guilty <= set(tried), trials=200) == [
        operations[7],
        operations[44],
    ]


def test_what_is_about_other_collections_goes_at_once() -> None:
    operations = [numbered(number, b"a" if number % 10 else b"b") for number in range(60)]
    trials = []

    def fails(tried: list[Operation]) -> bool:
        trials.append(tried)
        return operations[10] in tried

    shrink(operations, [b"b"], fails, trials=1)
    assert len(trials) == 1
    assert {one.names for one in trials[0]} == {(b"b",)}


def test_a_seed_repeats_its_operations_and_a_file_keeps_them(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plan = make(7, 80, long=True)
    assert make(7, 80, long=True) == plan
    save(plan.operations, tmp_path / "operations")
    assert tuple(load(tmp_path / "operations")) == plan.operations
