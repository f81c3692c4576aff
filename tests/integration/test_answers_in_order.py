"""In which order an operator's answer is carried out: what it is about is treated before anything is transferred again."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from syncapp.core.values import Side
from syncapp.safety.answers import BRING_BACK, carry_out
from syncapp.store import runs
from syncapp.store.halts import ANSWERS, Answer, Halt, Kind, answer_halt, load_halts, raise_halt
from syncapp.store.names import RUNS
from syncapp.store.prepare import prepare

# The whole device waits for these, or a collection on one side
WAIT_FOR_A_COMPARISON = [
    (kind, side, answer)
    for kind, answers in ANSWERS.items()
    for side in ([Side.LOCAL, Side.ATLAS] if Answer.BRING_BACK in answers else [None])
    for answer in answers
    if answer not in (Answer.GO_ON, Answer.NEW_ID)
]


@pytest.mark.parametrize(("kind", "side", "answer"), WAIT_FOR_A_COMPARISON)
def test_it_stays_halted_until_every_key_was_treated(
    local_db: Database[Any], atlas_db: Database[Any], kind: Kind, side: Side | None, answer: Answer
) -> None:
    """Else a delete that is read after the answer would be carried to the side that it shall be undone from."""
    prepare(local_db, atlas_db, 24)
    raise_halt(local_db, kind, "a test", side=side, collection="shop" if side else "")
    (raised,) = load_halts(local_db)
    halt = answer_halt(local_db, raised.id, answer, "an operator")
    assert halt is not None

    def go_on() -> bool:
        assert isinstance(halt, Halt)
        return carry_out(local_db, atlas_db, halt, "device")

    for state in (runs.State.WAITING, runs.State.RUNNING):
        assert not go_on()
        assert load_halts(local_db) == (halt,)
        (run,) = runs.load_open(local_db)
        assert run.state is state, "requested once"
        if answer is Answer.BRING_BACK:
            assert (run.treatment, list(run.collections)) == (BRING_BACK[side], ["shop"])
        runs.start(local_db, run)
    local_db[RUNS].update_one({"_id": run.id}, {"$set": {"state": runs.State.DONE.value}})
    assert go_on()
    assert load_halts(local_db) == ()
