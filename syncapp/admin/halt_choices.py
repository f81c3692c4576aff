"""What the buttons of a halt say: what each answer does, to how many documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncapp.core.values import Side
from syncapp.store.halts import ANSWERS, Answer, Halt, Kind

TITLES: Mapping[Kind, str] = {
    Kind.ATLAS_RESTORED: "Atlas was restored from a backup",
    Kind.LOCAL_RESTORED: "The local database was restored from a backup",
    Kind.DEVICE_COPIED: "Another database uses this device's id",
    Kind.MASS_DELETE: "Many documents were deleted",
    Kind.STRUCTURAL: "A collection was dropped or renamed",
}
NAMES = {Side.LOCAL: "the local database", Side.ATLAS: "Atlas"}
WHOLE_DEVICE: Mapping[tuple[Kind, Answer], str] = {
    (Kind.ATLAS_RESTORED, Answer.KEEP_LOCAL): "Bring Atlas forward",
    (Kind.ATLAS_RESTORED, Answer.TAKE_ATLAS): "Go back with Atlas",
    (Kind.LOCAL_RESTORED, Answer.TAKE_ATLAS): "Bring this device forward",
    (Kind.LOCAL_RESTORED, Answer.KEEP_LOCAL): "Let the backup count",
    (Kind.LOCAL_RESTORED, Answer.NEW_ID): "Make it a device of its own",
    (Kind.DEVICE_COPIED, Answer.NEW_ID): "Make it a device of its own",
    (Kind.DEVICE_COPIED, Answer.TAKE_ATLAS): "Go on under this id",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """`deletes`: documents are deleted by it, which cannot be undone here."""

    answer: str
    title: str
    text: str
    deletes: bool = False


def choice(halt: Halt, answer: Answer) -> Choice:
    """The button of one of the halt's answers."""
    text = ANSWERS[halt.kind][answer]
    if halt.side is None:
        return Choice(answer.value, WHOLE_DEVICE[halt.kind, answer], text)
    number = halt.preview.get("deletes", halt.preview.get("documents"))
    count = f"{number:,}" if isinstance(number, int) else "the documents"
    other = NAMES[halt.side.other]
    if answer is Answer.GO_ON:
        return Choice(answer.value, f"Delete {count} on {other} too", text, deletes=True)
    return Choice(answer.value, f"Bring {count} back to {NAMES[halt.side]}", text)
