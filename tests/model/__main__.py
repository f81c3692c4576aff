"""python -m tests.model [schedules] [first seed] [name of a safety to leave out]

Each schedule is run with documents, and with counters whose changes add up.
"""

from __future__ import annotations

import sys
from collections import Counter

from tests.model.safeties import Safety
from tests.model.world import faults_found, run


def main(words: list[str]) -> int:
    schedules, first = (int(word) for word in (*words[:2], *("2000", "0")[len(words) :]))
    without = frozenset(Safety[word] for word in words[2:])
    failed, stats = 0, Counter[str]()
    for seed in range(first, first + schedules):
        for counts in (False, True):
            world = run(seed, without, counts=counts)
            stats += world.stats
            if found := faults_found(world):
                failed += 1
                print(f"seed {seed}, counts={counts}: {found}")
    print(f"{2 * schedules - failed} of {2 * schedules} schedules hold; {dict(stats)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
