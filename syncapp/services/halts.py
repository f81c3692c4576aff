"""The operator's side of halts: what waits for an answer, and the answer, which is given once.

Command, API and admin call it. Who answered what is in the audit log; the listener carries it out.
"""

from __future__ import annotations

from syncapp.core.one_line import one_line
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.databases import local_database
from syncapp.store.halts import ANSWERS, Answer, Halt, answer_halt, load_halts

PROCESS = "halts"


class HaltError(Exception):
    """The answer was not taken. The text says why."""


class UnknownHalt(HaltError):
    """Nothing is halted under this id."""


class WrongAnswer(HaltError):
    """The answer does not belong to this kind of halt. `allowed`: those that do."""

    def __init__(self, answer: str, allowed: str) -> None:
        super().__init__(f"answer is {answer!r}; allowed: {allowed}")
        self.allowed = allowed


class AnsweredAlready(HaltError):
    """Somebody answered before."""


def show() -> list[Halt]:
    """All halts, oldest first. Raises LocalUnreachable."""
    with local_database(PROCESS) as local:
        return list(load_halts(local))


def answer(halt_id: str, answer: str, user: Actor = None) -> Halt:
    """Answer a halt. `halt_id`: also as a line of text shows it. Raises HaltError or LocalUnreachable."""
    with local_database(PROCESS) as local:
        halt = next((one for one in load_halts(local) if halt_id in (one.id, one_line(one.id))), None)
        if halt is None:
            raise UnknownHalt(f"Nothing is halted under the id {halt_id!r}")
        if answer not in ANSWERS[halt.kind]:
            raise WrongAnswer(answer, ", ".join(ANSWERS[halt.kind]))
        if halt.answer is not None:
            raise AnsweredAlready(f"It was answered already: {halt.answer}. The listener carries it out")
        by = user.get_username() if user is not None else ""
        answered = answer_halt(local, halt.id, Answer(answer), by)
        if answered is None:
            raise AnsweredAlready("Somebody else answered it at the same moment")
    audit(user, "answer halt", f"{one_line(halt.id)}: {answer}")
    raise_version()  # listener and workers read what is halted together with the rules
    return answered
