"""Run tests on older versions of MongoDB, alone and mixed: all but those of `ELSEWHERE`.

python -m tests.versions                        # all combinations
python -m tests.versions 4.4.2/6.0.27 -k drop   # local/Atlas, or one for both; the rest goes to pytest
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.versions.wheels import WHEELS, Missing, fetch

BASE = Path(__file__).resolve().parents[2]
FOLDER = BASE / ".mongod-versions"
TESTS = [
    "tests/unit",
    "tests/property",
    "tests/integration",
    "tests/api/test_conflicts.py",
    "tests/api/test_resolve.py",
]
# What these assert is done by Django's database, the broker, the processes around sync or the tests' own support, and a
# mongod of any version that takes documents does for them: a quarter of the time
ELSEWHERE = [
    *("test_postgres.py", "test_django_database_away.py"),
    *("test_broker_loss.py", "test_secure_broker.py", "test_shared_broker.py", "test_given_up_tasks.py"),
    *("test_deadly_documents.py", "test_small_profile.py", "test_left_behind.py"),
]
OLD, NEW = "4.4.2", "6.0.27"
COMBINATIONS = [*((version, version) for version in WHEELS), (OLD, NEW), (NEW, OLD)]
# Everything that starts a mongod finds this one on PATH. Tests name their replica sets "local" and "atlas"
CHOOSER = """#!/bin/sh
version={local}
before=
for word in "$@"; do
    [ "$before" = --replSet ] && [ "$word" = atlas ] && version={atlas}
    before=$word
done
exec {folder}/mongod-$version "$@"
"""
STARTER = """#!/bin/sh
LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
export LD_LIBRARY_PATH
exec {program} "$@"
"""


def main(words: list[str]) -> int:
    chosen = [(*word.split("/"), word)[:2] for word in words if _is_combination(word)]
    rest = [word for word in words if not _is_combination(word)]
    FOLDER.mkdir(exist_ok=True)
    try:
        for version in WHEELS:
            _install(version)
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    failed = [pair for pair in chosen or COMBINATIONS if _run(*pair, rest)]
    for local, atlas in failed:
        print(f"Failed with MongoDB {local} here and {atlas} as Atlas", file=sys.stderr)
    return 1 if failed else 0


def _is_combination(word: str) -> bool:
    return all(part in WHEELS for part in word.split("/")) and word.count("/") <= 1


def _install(version: str) -> None:
    program, libraries = fetch(version, FOLDER)
    text = STARTER.format(libraries=shlex.quote(libraries), program=shlex.quote(str(program)))
    _script(FOLDER / f"mongod-{version}", text)


def _run(local: str, atlas: str, rest: list[str]) -> int:
    print(f"\n=== MongoDB {local} here, {atlas} as Atlas", flush=True)
    folder = FOLDER / f"{local}-{atlas}"
    folder.mkdir(exist_ok=True)
    _script(folder / "mongod", CHOOSER.format(local=local, atlas=atlas, folder=shlex.quote(str(FOLDER))))
    environment = os.environ | {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "TEST_MONGODB_VERSIONS": f"{local}/{atlas}",
    }
    left_out = [f"--ignore=tests/integration/{name}" for name in ELSEWHERE]
    tests = [] if any(word.startswith("tests/") for word in rest) else [*TESTS, *left_out]
    # Longest files first, as `make test` has them
    jobs = ["-n", os.environ.get("JOBS", "2"), "--dist", "loadfile", "--no-loadscope-reorder"]
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *jobs, *tests, *rest]
    return subprocess.run(command, cwd=BASE, env=environment, check=False).returncode


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
