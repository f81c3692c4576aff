"""What every command of the product shares: a help text that ends with examples, which work when pasted, and what becomes
of a service's refusal: one line, and an exit status."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser, DjangoHelpFormatter

from syncapp.rules.switches import TYPED_BY
from syncapp.services.errors import ServiceError


class HelpFormatter(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's order of options; the lines of the examples are not wrapped."""


def row_id(text: str) -> int:
    """Of an option: a row's id, as a list shows it. Raises ArgumentTypeError."""
    if not re.fullmatch("[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text[:30]!r} is no id: see the list")
    return int(text)


class SyncCommand(BaseCommand):
    """`examples`: arguments after the command's name, and their effect."""

    examples: ClassVar[Mapping[str, str]]
    by_hand = True  # typed by an operator; otherwise run by the product itself
    refused: ClassVar[int] = 1  # the exit status of an error

    def execute(self, *args: Any, **options: Any) -> Any:
        token = TYPED_BY.set(_os_user() if self.by_hand else "")
        try:
            return super().execute(*args, **options)
        except ServiceError as error:
            raise CommandError(error.detail, returncode=self.refused) from None
        except CommandError as error:
            error.returncode = self.refused if error.returncode == 1 else error.returncode
            raise
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
    """How this program was started, so that printed command lines can be pasted into the same shell."""
    return shlex.join([_short(Path(sys.executable)), sys.argv[0] or "manage.py"])


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"user {os.getuid()}"


def _short(path: Path) -> str:
    """The path relative to the working directory, if it is below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
