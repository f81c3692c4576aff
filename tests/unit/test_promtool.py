"""Prometheus's own tool takes the rules, and finds nothing wrong with what `/metrics` answers."""

from __future__ import annotations

import subprocess

import pytest

from monitoring.prometheus import exposition
from syncapp.models.choices import Direction
from tests.support import rows
from tests.support.parts import PROMTOOL
from tests.unit.test_prometheus_files import ALERTS

pytestmark = pytest.mark.skipif(
    bool(PROMTOOL.why_missing()), reason="promtool is missing, see test_needed_parts.py"
)


def promtool(*arguments: str, given: bytes = b"") -> tuple[int, str]:
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, check=False, timeout=30)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_the_rules_are_valid() -> None:
    status, said = promtool("check", "rules", str(ALERTS))
    assert status == 0, said
    assert "SUCCESS" in said


@pytest.mark.django_db
def test_the_format_and_the_names_are_as_they_should_be() -> None:
    rows.device()
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=1)
    rows.collection('a "strange"\\name', updates=3)
    assert promtool("check", "metrics", given=exposition()) == (0, "")


def test_what_is_wrong_is_noticed() -> None:
    assert promtool("check", "metrics", given=b"isthmus_things_total{ 1\n")[0]
