"""Where commands print tables and colours."""

from __future__ import annotations

from typing import IO, cast

from django.core.management.base import OutputWrapper
from rich.console import Console


def console_of(stdout: OutputWrapper) -> Console:
    """Prints to a command's output; lines are not wrapped, and coloured on a terminal only."""
    return Console(
        file=cast(IO[str], stdout), force_terminal=stdout.isatty(), highlight=False, soft_wrap=True
    )
