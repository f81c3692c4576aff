"""The operator's one-time choice, when sync starts between two databases with different documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncapp.core.values import UnknownTime

FORM = (
    "differing=newest:FIELD, differing=local, differing=atlas or differing=manual, then only-atlas=pull or "
    "leave, then only-local=push or leave, separated by commas"
)
DIFFERING = tuple(one.value for one in UnknownTime)
ONLY_ATLAS = ("pull", "leave")
ONLY_LOCAL = ("push", "leave")
LONGEST_FIELD = 200


class WrongChoice(ValueError):
    """The text says what is allowed. `field`: as `as_document` names it; None: no single one."""

    def __init__(self, text: str, field: str | None = None) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class InitialChoice:
    """`differing`: who wins where both sides hold a document and differ. It remains the rule for all
    conflicts whose times are unknown on both sides. Raises WrongChoice."""

    differing: str
    only_atlas: str
    only_local: str
    timestamp_field: str = ""  # of the documents; a path such as meta.updatedAt is allowed

    def __post_init__(self) -> None:
        for name, field, value, allowed in (
            ("differing", "differing", self.differing, DIFFERING),
            ("only-atlas", "onlyAtlas", self.only_atlas, ONLY_ATLAS),
            ("only-local", "onlyLocal", self.only_local, ONLY_LOCAL),
        ):
            if value not in allowed:
                raise WrongChoice(f"{name} is {value!r}; allowed: {', '.join(allowed)}", field)
        if (self.differing == UnknownTime.NEWEST) != bool(self.timestamp_field):
            raise WrongChoice(
                "a timestamp field (for instance updatedAt) belongs to differing=newest, and only to it",
                "timestampField",
            )
        name = self.timestamp_field
        if name != name.strip() or "\0" in name or name.startswith("$") or len(name) > LONGEST_FIELD:
            text = f"the timestamp field is the name of a field, at most {LONGEST_FIELD} long"
            raise WrongChoice(text, "timestampField")

    @classmethod
    def parse(cls, text: str) -> InitialChoice:
        """The choice as SYNC_INITIAL_CHOICE has it. Raises WrongChoice."""
        values = dict(part.strip().partition("=")[::2] for part in text.split(","))
        if sorted(values) != ["differing", "only-atlas", "only-local"]:
            raise WrongChoice(FORM)
        differing, _, field = values["differing"].partition(":")
        return cls(differing, values["only-atlas"], values["only-local"], field)

    def __str__(self) -> str:
        differing = f"{self.differing}:{self.timestamp_field}" if self.timestamp_field else self.differing
        return f"differing={differing},only-atlas={self.only_atlas},only-local={self.only_local}"

    def as_document(self) -> dict[str, str]:
        """As it is kept in `_sync_metadata`, and as the API shows it."""
        return {
            "differing": self.differing,
            "timestampField": self.timestamp_field,
            "onlyAtlas": self.only_atlas,
            "onlyLocal": self.only_local,
        }

    @classmethod
    def from_document(cls, kept: Mapping[str, Any]) -> InitialChoice:
        return cls(kept["differing"], kept["onlyAtlas"], kept["onlyLocal"], kept.get("timestampField", ""))
