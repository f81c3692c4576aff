"""What a process loads by what it is."""

import os
import subprocess
import sys

import pytest
from django.core.management import get_commands

from syncapp.conf.settings import BASE_DIR
from syncproject.program import WITHOUT_PAGES, program

# 5 MB and more each, in a process that runs all the time; the tests load some of them
NOT_NEEDED = (
    "rich",
    "unittest",  # of rest_framework.test, which drf-spectacular loads to write the API's description
    "drf_spectacular.openapi",
    "psycopg",  # of Unfold and the REST framework, by django.contrib.postgres
    "markdown",
    "flower",  # of Celery's command line, which loads its plugins, and a shell
    "prompt_toolkit",
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["manage.py", "sync_listen"], "sync_listen"),
        (["/opt/a folder/manage.py", "sync_exclusions", "add", "worker"], "sync_exclusions"),
        (["/venv/lib/django/__main__.py", "sync_listen"], "sync_listen"),
        (["/venv/bin/django-admin", "sync_status"], "sync_status"),
        (["manage.py"], ""),
        (["/venv/celery/__main__.py", "-A", "syncproject", "worker", "-Q", "maintenance"], "worker"),
        (["/venv/celery/__main__.py", "-A", "syncproject", "beat"], "beat"),
        (["-m", "worker"], "worker"),  # of `-m syncproject.lean worker`, while its package is loaded
        (["/venv/bin/gunicorn", "syncproject.wsgi"], ""),
        ([], ""),
    ],
)
def test_the_program_is_read_from_the_command_line(words: list[str], expected: str) -> None:
    assert program(words) == expected


def test_commands_without_pages_exist_and_load_none() -> None:
    assert get_commands().keys() >= WITHOUT_PAGES
    code = (
        "import sys, django; sys.argv = ['manage.py', 'sync_toggle', 'on']; django.setup(); "
        "import syncapp.management.commands.sync_toggle; "
        "sys.exit('unfold' in sys.modules or 'rest_framework' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize(
    "load",
    [
        "sys.argv = ['manage.py', 'sync_listen']; django.setup(); import syncapp.management.commands.sync_listen",
        "sys.argv = ['celery', 'worker']; import syncproject; syncproject.celery_app.loader.import_default_modules()",
        "sys.argv = ['-m', 'worker']; from syncproject.lean import app; app.Worker; app.loader.import_default_modules()",
        "import syncproject.gunicorn, syncproject.wsgi; django.urls.get_resolver().url_patterns",
    ],
    ids=["listener", "worker", "lean worker", "web"],
)
def test_what_runs_all_the_time_loads_nothing_that_it_does_not_need(load: str) -> None:
    code = (
        f"import sys, django, django.urls; {load}; assert 'structlog' in sys.modules; "
        f"print(*[name for name in {NOT_NEEDED} if sys.modules.get(name)])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, capture_output=True, text=True)
    assert (run.stdout.strip(), run.returncode) == ("", 0), run.stderr


@pytest.mark.parametrize("command", ["help", "sync_toggle --help"])  # more than a buffer, and less
def test_a_reader_that_has_seen_enough_is_no_error(command: str) -> None:
    """As `| head` does. The reader has ended before anything is written."""
    script = f"'{sys.executable}' manage.py {command} | true"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    run = subprocess.run(script, shell=True, cwd=BASE_DIR, env=buffered, capture_output=True, text=True)
    assert run.stderr == ""
