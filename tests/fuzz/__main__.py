"""`make fuzz SECONDS=1800 SEED=1`: plan after plan, each on a new device; exit status 1 if a difference is not
named, or ordinary traffic waited too long. OPERATIONS=file repeats a list that an earlier run has kept."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import plan as plans
from tests.fuzz.operation import Operation, load, save
from tests.fuzz.plan import Plan
from tests.fuzz.run import Outcome, run
from tests.fuzz.servers import fuzz_workshop
from tests.fuzz.shrink import shrink
from tests.integration.conftest import Workshop
from tests.support.long_run import in_folder, number


def main() -> int:
    def all_runs(folder: Path) -> bool:
        with fuzz_workshop(folder / "servers") as workshop:
            return not _run_all(workshop, folder)

    return in_folder("fuzz", all_runs)


def _run_all(workshop: Workshop, folder: Path) -> int:
    """How many plans failed."""
    end, failed, count = time.monotonic() + number("SECONDS", 600), 0, 0
    worst: dict[str, float] = {}
    for plan in _plans():
        outcome = run(workshop, folder / f"{plan.seed}", plan)
        count += 1
        print(outcome.as_text(), flush=True)
        for direction, (_, wait) in outcome.worst.items():
            worst[direction] = max(wait, worst.get(direction, 0.0))
        if outcome.problems:
            failed += 1
            _show(workshop, folder, outcome)
        else:
            shutil.rmtree(folder / f"{plan.seed}")
        if time.monotonic() > end:
            break
    waits = ", ".join(f"{name} {wait:.1f} s" for name, wait in worst.items())
    print(f"{count} plans, {failed} failed. The longest waits of ordinary traffic: {waits}")
    return failed


def _plans() -> Iterator[Plan]:
    """Of the file that is named, or of one seed after the other."""
    first = number("SEED", random.SystemRandom().getrandbits(31))
    count = number("COUNT", 250)
    if path := os.environ.get("OPERATIONS"):
        yield plans.make(first, 0).with_operations(load(Path(path)))
        return
    for seed in itertools.count(first):
        yield plans.make(seed, count, long=True)


def _show(workshop: Workshop, folder: Path, outcome: Outcome) -> None:
    """Everything that helps to find the fault."""
    kept = folder / f"{outcome.plan.seed}"
    (kept / "log.txt").write_text("\n".join(outcome.log) + "\n")
    (kept / "processes.txt").write_text(outcome.processes)
    print(f"  Again: make fuzz SEED={outcome.plan.seed} COUNT={len(outcome.plan.operations)}; logs in {kept}")
    trials = number("SHRINK", 25)
    if not trials:
        return
    numbers = itertools.count(1)

    def fails(operations: list[Operation]) -> bool:
        again = outcome.plan.with_operations(operations)
        return bool(run(workshop, kept / f"trial{next(numbers)}", again).problems)

    fewest = shrink(list(outcome.plan.operations), outcome.collections, fails, trials)
    path = kept / "fewest.jsonl"
    save(fewest, path)
    print(
        f"  The fewest operations that failed ({len(fewest)}): OPERATIONS={path} SEED={outcome.plan.seed} make fuzz"
    )
    print("\n".join(f"    {one.pause:5.3f} {one}" for one in fewest), flush=True)


if __name__ == "__main__":
    sys.exit(main())
