"""Prometheus's own tool takes the rules, and finds nothing wrong with what `/metrics` answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

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


# Two devices in one Prometheus; by what each series is in every minute of two hours
DEVICES = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
{series}
    alert_rule_test:
      - {{eval_time: {at}, alertname: {name}, exp_alerts: [{expected}]}}
"""


@pytest.mark.parametrize(
    ("name", "series", "expected"),
    [
        (
            "IsthmusLocalStreamDisconnected",
            {
                'isthmus_change_stream_connected{instance="a", side="local"}': "0x120",
                'isthmus_sync_paused{instance="a"}': "1x120",
                'isthmus_sync_paused{instance="b"}': "0x120",
            },
            "",
        ),
        (
            "IsthmusPending",
            {
                'isthmus_pending_operations{instance="a"}': "500x120",
                'isthmus_lag_seconds{instance="a", direction="atlasToLocal"}': "1x120",
                'isthmus_lag_seconds{instance="b", direction="atlasToLocal"}': "900x120",
                'isthmus_sync_paused{instance="a"}': "0x120",
            },
            "",
        ),
        (
            "IsthmusLag",
            {
                'isthmus_lag_seconds{instance="a", direction="atlasToLocal"}': "900x120",
                'isthmus_sync_paused{instance="a"}': "1x120",
            },
            "",
        ),
        (
            "IsthmusErrors",
            {
                'isthmus_changes_total{instance="a", direction="atlasToLocal", outcome="failed"}': "0+1x120",
                'isthmus_changes_total{instance="b", direction="atlasToLocal", outcome="succeeded"}': "0+100x120",
            },
            'a, direction: atlasToLocal, severity: critical',
        ),
        (
            "IsthmusDeviceSilent",  # Atlas is away: no report of anybody is known
            {
                'isthmus_device_last_report_timestamp_seconds{instance="a", device="1"}': "60x120",
                'isthmus_device_last_report_timestamp_seconds{instance="a", device="2"}': "30x120",
            },
            "",
        ),
        (
            "IsthmusDeviceSilent",
            {
                'isthmus_device_last_report_timestamp_seconds{instance="a", device="1"}': "0+60x120",
                'isthmus_device_last_report_timestamp_seconds{instance="a", device="2"}': "30x120",
            },
            'a, device: "2", severity: warning',
        ),
        (
            "IsthmusNotScraped",
            {
                'isthmus_build_info{instance="a", version="1"}': "1x60 _x60",
                'isthmus_build_info{instance="b", version="1"}': "1x60 _x60",
                'isthmus_build_info{instance="b", version="2"}': "_x60 1x60",
            },
            'a, severity: critical',
        ),
    ],
    ids=lambda one: one if isinstance(one, str) and one.startswith("Isthmus") else "",
)  # fmt: skip
def test_a_rule_compares_figures_of_one_device(
    name: str, series: dict[str, str], expected: str, tmp_path: Path
) -> None:
    """`expected`: the labels of the alert, with the instance first; empty: it does not fire."""
    rules = yaml.safe_load(ALERTS.read_text())
    rules["groups"][0]["rules"] = [one for one in rules["groups"][0]["rules"] if one["alert"] == name]
    rules["groups"][0]["rules"][0]["annotations"] = {}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    given = "\n".join(
        f"      - {{series: '{one}', values: '{_started(values)}'}}" for one, values in series.items()
    )
    fires = f"{{exp_labels: {{instance: {expected}}}, exp_annotations: {{}}}}" if expected else ""
    test = tmp_path / "test.yml"
    test.write_text(DEVICES.format(rules="rules.yml", series=given, at="110m", name=name, expected=fires))
    status, said = promtool("test", "rules", str(test))
    assert status == 0, said


def _started(values: str) -> str:
    """`0x120` is not its own short form before Prometheus 2.46: 0+0x120."""
    return " ".join(
        one if "+" in one or one.startswith("_") else one.replace("x", "+0x") for one in values.split()
    )
