"""An emptying beside which others come is told from documents that come and go, by how old they were."""

from __future__ import annotations

import random
from collections import deque
from itertools import count

from hypothesis import example, given
from hypothesis import strategies as st

from syncapp.core.values import Side
from syncapp.safety.ages import MOST_KEYS, Ages, Move
from syncapp.safety.mass_deletes import PARTS, Count, Limit, Loss, MassDeletes

LIMIT = Limit(number=100, share=0.5, window_ms=600_000)
STEP_SECONDS = 10  # one part of the window
WINDOW = 600 // STEP_SECONDS  # steps
YOUNG = 4 * WINDOW  # an hour's two thirds: from then on documents are old


class Queue:
    """A collection in which the oldest documents go first."""

    def __init__(self, documents: int, seed: int) -> None:
        self.breaker = MassDeletes(LIMIT)
        self.rng = random.Random(seed)
        self.keys = count()
        self.documents = deque(self._key() for _ in range(documents))
        self.step = 0
        self.halted = False

    def _key(self) -> int:
        return hash((next(self.keys), self.rng.random()))

    def judge(self, collection: str, lost: int, new: int) -> bool:
        self.halted |= self.breaker.exceeds(Loss(lost, len(self.documents), new))
        return self.halted

    def change(self, come: int, go: int, side: Side = Side.LOCAL) -> bool:
        """One step, in which documents come first. True: it is to be halted."""
        moves = [(self._key(), Move.CAME) for _ in range(come)]
        self.documents.extend(one for one, _ in moves)
        go = min(go, len(self.documents))
        moves += [(self.documents.popleft(), Move.TAKEN) for _ in range(go)]
        mask = self.breaker.mask("queue")
        told = [(one, move) for one, move in moves if not one & mask]
        self.breaker.add(side, {("queue", self.step): Count(come - go, come, go, told)}, self.judge)
        self.step += 1
        return self.halted

    def live(self, steps: int, come: int, lifetime: int) -> bool:
        """As many come in each step, and each lives for so many of them."""
        return any(
            self.change(come, come if len(self.documents) >= come * lifetime else 0) for _ in range(steps)
        )


@given(come=st.integers(1, 60), lifetime=st.integers(1, 5 * WINDOW), seed=st.integers(0, 1 << 32))
@example(come=40, lifetime=WINDOW + 10, seed=1)
@example(come=40, lifetime=2 * WINDOW - 1, seed=1)
@example(come=40, lifetime=YOUNG, seed=1)
@example(come=40, lifetime=YOUNG + 1, seed=1)
def test_whatever_its_documents_live_a_queue_is_ordinary_work(come: int, lifetime: int, seed: int) -> None:
    assert not Queue(come * lifetime, seed).live(2 * YOUNG + 2 * lifetime, come, lifetime)


@given(come=st.integers(1, 60), burst=st.integers(2, 50), seed=st.integers(0, 1 << 32))
def test_what_comes_and_is_taken_in_bursts_within_minutes_is_ordinary_work(
    come: int, burst: int, seed: int
) -> None:
    """Between two bursts more come than were there before; those are taken at once."""
    queue = Queue(0, seed)
    queue.documents.extend(queue._key() for _ in range(2 * come * burst))
    for step in range(2 * YOUNG):
        number = come * burst if step % burst == 0 else 0
        assert not queue.change(number, number)


@given(
    documents=st.integers(101, 5_000),
    steps=st.integers(1, WINDOW * 9 // 10),
    more=st.floats(0, 2),
    seed=st.integers(0, 1 << 32),
    side=st.sampled_from(list(Side)),
)
@example(documents=101, steps=1, more=1, seed=1, side=Side.LOCAL)
def test_an_emptying_is_noticed_though_as_many_come(
    documents: int, steps: int, more: float, seed: int, side: Side
) -> None:
    queue = Queue(documents, seed)
    queue.change(1, 0, Side.ATLAS)
    queue.step += YOUNG
    there = len(queue.documents)
    each = -(-there // steps)
    assert any(queue.change(int(each * more), each, side) for _ in range(steps))


def test_documents_that_are_back_are_not_lost() -> None:
    """An application that writes everything anew, under the same `_id`s."""
    queue = Queue(1_000, 1)
    queue.change(1, 1)
    queue.step += YOUNG
    for _ in range(WINDOW):
        moves = [(one, move) for one in queue.documents for move in (Move.TAKEN, Move.CAME)]
        queue.breaker.add(Side.LOCAL, {("queue", queue.step): Count(0, 0, 1_000, moves)}, queue.judge)
        queue.step += 1
    assert not queue.halted


def test_what_is_read_again_counts_once() -> None:
    ages = Ages(YOUNG, PARTS, 0)
    moves = [(number, move) for number in range(300) for move in (Move.CAME, Move.TAKEN)]
    moves += [(number, Move.TAKEN) for number in range(1_000, 1_200)]
    for _ in range(2):
        ages.follow(Side.LOCAL, moves, YOUNG, True)
        assert (ages.gone(Side.LOCAL, YOUNG, 100), ages.came(YOUNG)) == (200, 0)


def test_of_many_a_share_stands_for_all_and_little_is_kept() -> None:
    rng = random.Random(1)
    ages = Ages(YOUNG, PARTS, 0)
    for part in range(YOUNG, YOUNG + PARTS):
        old = [(rng.getrandbits(60), Move.TAKEN) for _ in range(1_000)]
        new = [(rng.getrandbits(60), Move.CAME) for _ in range(2_000)]
        ages.follow(Side.LOCAL, old + new, part, True)
        assert ages._size() <= MOST_KEYS + 3_000
    assert abs(ages.gone(Side.LOCAL, part, 100) - 60_000) < 6_000
    assert abs(ages.came(part) - 120_000) < 12_000
    while ages.mask:
        part += 1
        ages.follow(Side.LOCAL, [], part, True)
    taken = [(number, Move.TAKEN) for number in range(200)]
    ages.follow(Side.LOCAL, taken, part, True)
    assert ages.gone(Side.LOCAL, part, 100) == 0, "all are followed again: how old these were is not known"
    ages.follow(Side.LOCAL, taken, part + YOUNG, True)
    assert ages.gone(Side.LOCAL, part + YOUNG, 100) == 200
