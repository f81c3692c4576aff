"""Halts for operators: the open ones, and the answer, which is given once.

Command, API and admin call it. The answer is in the audit log; the listener carries it out.
"""

from __future__ import annotations

from syncapp.core.text.one_line import one_line
from syncapp.rules.switches import Actor, audit, raise_version
from syncapp.services.databases import local_database
from syncapp.services.errors import NotFound, Overtaken, wrong_value
from syncapp.store.halts import ANSWERS, Answer, Halt, answer_halt, load_halts

PROCESS = "halts"


def show() -> list[Halt]:
    """All halts, oldest first. Raises Unreachable."""
    with local_database(PROCESS) as local:
        return list(load_halts(local))


def answer(halt_id: str, answer: str, user: Actor = None) -> Halt:
    """Answer a halt. `halt_id`: also as a line of text shows it. Raises NotFound, WrongInput,
    Overtaken or Unreachable."""
    with local_database(PROCESS) as local:
        halt = next((one for one in load_halts(local) if halt_id in (one.id, one_line(one.id))), None)
        if halt is None:
            raise NotFound(f"There is no halt with the id {halt_id!r}", "id")
        if answer not in ANSWERS[halt.kind]:
            raise wrong_value("answer", answer, ", ".join(ANSWERS[halt.kind]))
        if halt.answer is not None:
            raise Overtaken(f"Already answered: {halt.answer}. The listener carries it out")
        by = user.get_username() if user is not None else ""
        answered = answer_halt(local, halt.id, Answer(answer), by)
        if answered is None:
            raise Overtaken("Somebody else has just answered it")
    audit(user, "answer halt", f"{one_line(halt.id)}: {answer}", {"answer": None}, {"answer": answer})
    raise_version()  # listener and workers read halts together with the rules
    return answered
