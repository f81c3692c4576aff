"""One operation of an application on one side: commands as bytes, and their form in a file that can be replayed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from syncapp.core.content import elements
from syncapp.core.values import Side
from tests.fuzz.bson_bytes import Field, whole


@dataclass(frozen=True)
class Operation:
    side: Side
    what: str  # for people
    commands: tuple[bytes, ...]  # without $db; several are one transaction
    names: tuple[bytes, ...]  # collections that it touches
    pause: float = 0.0  # seconds before it

    @property
    def fields(self) -> list[list[Field]]:
        """Of each command."""
        return [[(name, (kind, value)) for kind, name, value in elements(raw)] for raw in self.commands]

    def __str__(self) -> str:
        on = " → ".join(repr(name[:40])[1:] for name in self.names)
        return f"{self.side.value:5} {self.what} {on}"


def operation(
    side: Side, what: str, names: Iterable[bytes], *commands: list[Field], pause: float = 0.0
) -> Operation:
    return Operation(side, what, tuple(whole(*command) for command in commands), tuple(names), pause)


def save(operations: Iterable[Operation], path: Path) -> None:
    """One line each."""
    lines = [
        json.dumps(
            {
                "side": one.side.value,
                "what": one.what,
                "pause": one.pause,
                "names": [name.hex() for name in one.names],
                "commands": [command.hex() for command in one.commands],
            }
        )
        for one in operations
    ]
    path.write_text("\n".join(lines) + "\n")


def load(path: Path) -> list[Operation]:
    found = []
    for line in path.read_text().splitlines():
        one = json.loads(line)
        commands = tuple(bytes.fromhex(command) for command in one["commands"])
        names = tuple(bytes.fromhex(name) for name in one["names"])
        found.append(Operation(Side(one["side"]), one["what"], commands, names, one["pause"]))
    return found
