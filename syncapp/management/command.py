"""What every command of the product shares: a help text that ends with examples, which work when pasted."""

from __future__ import annotations

import argparse
import getpass
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

from syncapp.rules.switches import TYPED_BY


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options; the lines of the examples stay as they are."""


class SyncCommand(BaseCommand):
    """`examples`: arguments as one types them after the command's name, and what they do."""

    examples: ClassVar[Mapping[str, str]]
    by_hand: ClassVar[bool] = True  # a person acts; else the product itself, which runs in it

    def execute(self, *args: Any, **options: Any) -> Any:
        if not self.by_hand:
            return super().execute(*args, **options)
        token = TYPED_BY.set(_os_user())
        try:
            return super().execute(*args, **options)
        finally:
            TYPED_BY.reset(token)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=HelpFormatter,
            epilog=self._epilog(subcommand),
            **kwargs,
        )

    def _epilog(self, subcommand: str) -> str:
        start = f"{invocation()} {subcommand}"
        commands = {f"{start} {arguments}".strip(): text for arguments, text in self.examples.items()}
        width = max(map(len, commands))
        return "\n".join(["examples:", *(f"  {one:<{width}}  # {text}" for one, text in commands.items())])


def invocation() -> str:
    """How this program was started, so that a line that begins with it can be pasted into the same shell."""
    return shlex.join([_short(Path(sys.executable)), sys.argv[0] or "manage.py"])


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _short(path: Path) -> str:
    """The path as it is typed from the working directory, if it lies below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
