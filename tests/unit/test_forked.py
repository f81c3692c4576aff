"""A forked process is one as the command line starts it: its environment, group, output and status are its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from syncapp.conf.settings import BASE_DIR
from tests.support import forked
from tests.support.processes import environment

LOADED = "import sys, tests.support.libraries; print(*sorted({name.split('.')[0] for name in sys.modules}))"
SCRIPT = """
import atexit, os, sys
atexit.register(print, "at last")
print(sys.argv[1:], os.getcwd(), os.getpgid(0) == os.getpid(), os.environ.get("HOME"), os.environ["ONLY"])
print("wrong", file=sys.stderr)
sys.exit(3)
"""


def test_what_is_loaded_before_is_nothing_of_the_product() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"celery", "django", "pymongo"} <= loaded
    assert not loaded & {"syncapp", "syncproject", "monitoring"}


def test_a_script_has_what_it_is_told_and_its_end_is_known(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = forked.run([str(script), "a", "b"], {"ONLY": "this"}, tmp_path, 60)
    assert done.stdout == f"['a', 'b'] {tmp_path} True None this\nat last\n"
    assert (done.stderr, done.returncode) == ("wrong\n", 3)


def test_its_group_can_be_killed_at_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\ntime.sleep(60)")
    process = forked.Forked([str(script)], {}, tmp_path, tmp_path / "out")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.kill()  # what has ended is left alone


def test_each_has_settings_of_its_own(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        done = forked.run(["manage.py", "check"], environment(home), BASE_DIR, 60)
        assert done.returncode == 0, done.stderr
    assert all((home / "secret_key").exists() for home in homes)
    wrong = forked.run(["manage.py", "check"], environment(tmp_path, PORT="web"), BASE_DIR, 60)
    assert (wrong.returncode, wrong.stderr.startswith("PORT is 'web'")) == (2, True)
