"""Whoever answers: a person at a terminal, who is asked again when an answer cannot be used, or nobody (`--yes`)."""

from __future__ import annotations

import getpass
from typing import Protocol

from syncapp.services.errors import NotPossible


class Ask(Protocol):
    def text(self, question: str, option: str, default: str = "", shown: str = "") -> str:
        """The answer, or the default. `option`: what gives the answer beforehand. `shown`: the default as it may be
        seen."""

    def secret(self, question: str) -> str:
        """The answer, which is not seen while it is typed; empty: there is none."""

    def refuse(self, why: str, *, was_told: bool = False) -> None:
        """The last answer cannot be used, and the same question comes again. `was_told`: the reason has been shown. Raises
        NotPossible if nobody is asked."""


class Terminal:
    def text(self, question: str, option: str, default: str = "", shown: str = "") -> str:
        offered = f" [{shown or default}]" if default else ""
        while not (answer := input(f"{question}{offered}: ").strip() or default):
            print(f"  An answer is needed (or {option}). Ctrl-C ends this, and nothing is written")
        return answer

    def secret(self, question: str) -> str:
        return getpass.getpass(f"{question}: ")

    def refuse(self, why: str, *, was_told: bool = False) -> None:
        if not was_told:
            print(f"  {why}")


class Nobody:
    def text(self, question: str, option: str, default: str = "", shown: str = "") -> str:
        if not default:
            raise NotPossible(
                f"{option} is missing: nobody is asked (--yes), and .env has no usable value for it"
            )
        return default

    def secret(self, question: str) -> str:
        return ""

    def refuse(self, why: str, *, was_told: bool = False) -> None:
        raise NotPossible(why)
