"""Every command's help ends with examples, and each of them is one that the command takes."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from django.core.management import load_command_class

import syncapp.management.commands as package
from syncapp.management.command import SyncCommand, invocation

NAMES = sorted(path.stem for path in Path(package.__path__[0]).glob("sync_*.py"))


def command(name: str) -> SyncCommand:
    found = load_command_class("syncapp", name)
    assert isinstance(found, SyncCommand), f"{name} has no examples"
    return found


def test_there_are_commands() -> None:
    assert "sync_status" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_help_ends_with_the_examples(name: str) -> None:
    *_, last = command(name).examples
    text = command(name).create_parser("manage.py", name).format_help()
    assert "\nexamples:\n" in text
    assert text.rstrip().splitlines()[-1].startswith(f"  {invocation()} {name} {last}".rstrip())


@pytest.mark.parametrize("name", NAMES)
def test_each_example_is_understood(name: str) -> None:
    for arguments in command(name).examples:
        command(name).create_parser("manage.py", name).parse_args(shlex.split(arguments))
