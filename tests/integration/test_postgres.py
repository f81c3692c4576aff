"""With PostgreSQL as Django's database: a choice of the existing tests runs on it in a pytest of its own, from the
migrations to several processes that count and record at once. `TEST_DATABASE_URL=postgres://… make test` runs all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncapp.conf.settings import BASE_DIR
from tests.support.postgres import Postgres

CHOICE = (
    "tests/unit/test_figures.py",
    "tests/unit/test_rules_in_one_table.py",
    "tests/unit/test_history.py",
    "tests/unit/test_prometheus_files.py",
    "tests/unit/test_metrics_buffer.py",
    "tests/property/test_metrics_add_up.py",
    "tests/api/test_conflicts.py",
    "tests/api/test_rejected.py",
    "tests/api/test_switches.py",
    "tests/admin/test_pages.py",
    "tests/integration/test_both_directions.py::test_every_operation_of_one_side_arrives_on_the_other",
    "tests/integration/test_manual_conflicts.py::test_conflicts_wait_for_a_person_and_everything_else_goes_on",
    "tests/integration/test_rejected_changes.py::test_one_among_many_is_set_aside_and_goes_through_by_a_click",
)
# They wait for a MongoDB that is down, or ask nothing of Django's database
WAITING = "not cannot_be_reached and not without_the_local_mongodb and not a_row_that_cannot_be"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_choice_of_existing_tests_passes_on_postgresql(postgres_server: Postgres, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--basetemp={tmp_path / 'inner'}", "-k", WAITING, *CHOICE],
        env={**kept, "TEST_DATABASE_URL": postgres_server.create_database()},
        cwd=BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout[-6_000:], done.stderr[-1_000:])
    assert done.returncode == 0, done.stdout.splitlines()[-1:]
    assert "skipped" not in done.stdout.splitlines()[-1]
