"""`make chaos DEVICES=3 SECONDS=600 SEED=1`: one run, its tables, and exit status 1 if anything was lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.chaos.run import Options, run


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name, "").strip() or default)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # so that everything is stopped in order


def main() -> int:
    signal.signal(signal.SIGTERM, _stop)
    seed = _number("SEED", random.SystemRandom().getrandbits(32))
    options = Options(seed, devices=_number("DEVICES", 3), seconds=_number("SECONDS", 600))
    again = f"make chaos DEVICES={options.devices} SECONDS={options.seconds} SEED={seed}"
    print(f"Seed {seed}. Again: {again}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="isthmus-chaos-"))
    try:
        report = run(options, folder, lambda text: print(text, flush=True))
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise
    print("\n" + report.as_text())
    if report.problems:
        print(f"\nLogs and databases are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
