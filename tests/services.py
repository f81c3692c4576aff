"""Run tests with RabbitMQ as the devices' broker and PostgreSQL as Django's database: those of tests/integration.

python -m tests.services                                        # all
python -m tests.services tests/integration/test_wizard.py -x    # words for pytest
"""

from __future__ import annotations

import os
import subprocess
import sys

from syncapp.conf.settings import BASE_DIR
from tests.support.postgres import Postgres
from tests.support.servers import started


def main(words: list[str]) -> int:
    with started(Postgres()) as server:
        told = os.environ | {"TEST_BROKER": "rabbitmq", "TEST_DATABASE_URL": server.create_database()}
        jobs = ["-n", os.environ.get("JOBS", "2"), "--dist", "loadfile", "--no-loadscope-reorder"]
        tests = [] if any(word.startswith("tests/") for word in words) else ["tests/integration"]
        command = [sys.executable, "-m", "pytest", "-q", "-rs", *jobs, *tests, *words]
        return subprocess.run(command, cwd=BASE_DIR, env=told, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
