"""The fenced blocks of the documents, with where they stand and what a comment above them says."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from syncapp.conf.settings import BASE_DIR

PAGES = sorted([BASE_DIR / "README.md", *(BASE_DIR / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.M | re.S,
)
NOT_RUN = "not run: "  # with the reason


@dataclass(frozen=True)
class Block:
    page: str  # below the project's folder
    line: int
    language: str
    text: str
    note: str  # of the comment directly above

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language == "sh" and not self.note.startswith(NOT_RUN)


def name(page: Path) -> str:
    return str(page.relative_to(BASE_DIR))


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        body = textwrap.dedent(found["text"])
        yield Block(name(page), line, found["language"], body, found["note"] or "")


def all_blocks(*languages: str) -> list[Block]:
    return [b for page in PAGES for b in blocks_of(page) if not languages or b.language in languages]


def joined(script: str) -> list[str]:
    """Its lines, those that go on after a backslash as one, without comments."""
    lines = re.sub(r"\\\n\s*", "", script).splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
