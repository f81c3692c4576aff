"""The Procfile and `make run` start the same processes, with the same commands."""

import importlib.util
import os
import shlex
import subprocess
import sys

from django.core.management import get_commands

from syncapp.conf.settings import BASE_DIR, load
from syncapp.embedded.programs import DEMO, PROGRAMS, QUEUES, SETUP, Program, programs
from syncproject.celery import app


def test_the_procfile_is_the_list_of_programs() -> None:
    lines = (BASE_DIR / "Procfile").read_text().splitlines()
    assert lines == [f"{program.name}: {program.shell_line}" for program in PROGRAMS]


def test_the_worker_reads_every_queue() -> None:
    assert {queue.name for queue in app.conf.task_queues} == set(QUEUES.split(","))


def test_every_program_exists() -> None:
    for program in (*PROGRAMS, DEMO, SETUP):
        assert exists(program), program.name


def exists(program: Program) -> bool:
    if program.arguments[0] == "-m":
        return importlib.util.find_spec(program.arguments[1]) is not None
    return (BASE_DIR / program.arguments[0]).is_file() and program.arguments[1] in get_commands()


def test_a_shell_line_can_be_split_into_the_same_arguments() -> None:
    for program in PROGRAMS:
        assert tuple(shlex.split(program.shell_line)[1:]) == program.arguments


def test_a_small_worker_ends_before_it_is_killed() -> None:
    """A stop waits for the end of Redis's blocking pop, after up to a second until the worker sees that it is to stop."""
    (worker,) = (program for program in programs(is_small=True) if program.name == "worker")
    code = "import sys; sys.argv = ['-m', 'worker']; from django.conf import settings; print(settings.CELERY_BROKER_TRANSPORT_OPTIONS['polling_interval'])"
    told = {**os.environ, "SYNC_PROFILE": "small", "CELERY_BROKER_URL": "redis://127.0.0.1:6379/0"}
    told |= {"DJANGO_SETTINGS_MODULE": "syncproject.settings"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=BASE_DIR, env=told, capture_output=True, check=True
    )
    assert float(run.stdout) + 1 <= worker.stop_seconds - 2


def test_the_small_profile_is_three_processes_and_one_that_applies() -> None:
    assert [program.name for program in programs(is_small=True)] == ["web", "listener", "worker"]
    assert programs(is_small=False) == PROGRAMS
    assert load({"SYNC_PROFILE": "small"}).sync_apply_workers == 1
    assert load({"SYNC_PROFILE": "small", "SYNC_APPLY_WORKERS": "3"}).sync_apply_workers == 3
    assert load({}).sync_apply_workers == 2
