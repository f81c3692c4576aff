"""The labels of a halt's buttons: the effect of each answer, in numbers of documents."""

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
    (Kind.ATLAS_RESTORED, Answer.KEEP_LOCAL): "Push this device's versions",
    (Kind.ATLAS_RESTORED, Answer.TAKE_ATLAS): "Pull Atlas's versions",
    (Kind.LOCAL_RESTORED, Answer.TAKE_ATLAS): "Pull Atlas's newer versions",
    (Kind.LOCAL_RESTORED, Answer.KEEP_LOCAL): "Keep the backup and push it",
    (Kind.LOCAL_RESTORED, Answer.NEW_ID): "Register as a new device",
    (Kind.DEVICE_COPIED, Answer.NEW_ID): "Register as a new device",
    (Kind.DEVICE_COPIED, Answer.TAKE_ATLAS): "Keep this id",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """`deletes`: it deletes documents, which cannot be undone here."""

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
    if halt.kind is Kind.MASS_DELETE:
        count += (
            " or more"  # they were counted when it was halted: an answer is for those that came since, too
        )
    other = NAMES[halt.side.other]
    if answer is Answer.GO_ON:
        return Choice(answer.value, f"Delete {count} on {other} too", text, deletes=True)
    return Choice(answer.value, f"Restore {count} to {NAMES[halt.side]}", text)
