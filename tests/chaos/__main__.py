"""`make chaos DEVICES=3 SECONDS=600 SEED=1`: one run, its tables, and exit status 1 if anything was lost."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from tests.chaos.run import Options, run
from tests.support.long_run import in_folder, number


def main() -> int:
    seed = number("SEED", random.SystemRandom().getrandbits(32))
    options = Options(seed, devices=number("DEVICES", 3), seconds=number("SECONDS", 600))
    again = f"make chaos DEVICES={options.devices} SECONDS={options.seconds} SEED={seed}"
    print(f"Seed {seed}. Again: {again}", flush=True)

    def one_run(folder: Path) -> bool:
        report = run(options, folder, lambda text: print(text, flush=True))
        print("\n" + report.as_text())
        if report.problems:
            print(f"\nLogs and databases are kept in {folder}")
        return not report.problems

    return in_folder("chaos", one_run)


if __name__ == "__main__":
    sys.exit(main())
