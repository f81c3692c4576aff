"""Alert rules and the Grafana dashboard name only metrics that `/metrics` exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from monitoring.prometheus import exposition
from syncapp.conf.settings import BASE_DIR
from syncapp.models.choices import Direction
from tests.support import rows

ALERTS = BASE_DIR / "monitoring" / "prometheus" / "alerts.yml"
DASHBOARD = BASE_DIR / "monitoring" / "grafana" / "dashboard.json"


def exported() -> dict[str, set[str]]:
    """Names of the samples with their labels."""
    names: dict[str, set[str]] = {}
    for line in exposition().decode().splitlines():
        if not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()  # type: ignore[union-attr]
            names.setdefault(name, set()).update(re.findall(r"(\w+)=", labels or ""))
    return names


def expressions(path: Path) -> list[str]:
    if path.suffix == ".json":
        panels = json.loads(path.read_text())["panels"]
        return [target["expr"] for panel in panels for target in panel["targets"]]
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.django_db
@pytest.mark.parametrize("path", [ALERTS, DASHBOARD])
def test_every_metric_that_is_named_is_exported_with_those_labels(path: Path) -> None:
    rows.device()
    rows.fleet_device()
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=1)
    rows.collection("orders", updates=1)
    known = exported()
    named = [
        (name, set(re.findall(r"(\w+)=", labels)))
        for expression in expressions(path)
        for name, labels in re.findall(r"(isthmus_\w+)(?:\{(.*?)\})?", expression)
    ]
    assert named
    for name, labels in named:
        assert name in known, f"{name} is named in {path.name} and is not exported"
        assert labels <= known[name], f"{name} has no label {labels - known[name]}"


@pytest.mark.django_db
def test_every_metric_is_shown_in_the_dashboard() -> None:
    rows.device()
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=1)
    shown = set(re.findall(r"isthmus_\w+", " ".join(expressions(DASHBOARD))))
    assert set(exported()) - shown == set()


@pytest.mark.django_db
def test_it_can_be_scraped_before_anything_ever_ran() -> None:
    known = exported()
    assert "isthmus_health" in known
    assert "isthmus_listener_silent_seconds +Inf" in exposition().decode()


@pytest.mark.django_db
def test_labels_are_bounded() -> None:
    rows.device()
    rows.fleet_device()
    for n in range(20):
        rows.conflict({"_id": n}, None, collection=f"collection{n}")
    labels = set().union(*exported().values())
    assert labels == {
        "code", "device", "direction", "le", "operation", "outcome", "percentile", "severity", "side", "status",
        "version", "winner",
    }  # fmt: skip


@pytest.mark.django_db
def test_every_metric_is_described_by_its_answer_and_by_the_documents() -> None:
    rows.device()
    rows.fleet_device()
    text = exposition().decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\w+) (.+)$", text, re.M))
    assert types.keys() == helps.keys()
    page = (BASE_DIR / "docs" / "monitoring.md").read_text()
    described = re.findall(r"^\| `(isthmus_\w+)` \| (\w+) \|(.*?)\| .+ \|$", page, re.M)
    assert {name: kind for name, kind, _ in described} == types
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=1)
    rows.collection("orders", updates=1)
    for name, kind, labels in described:
        sample = f"{name}_count" if kind == "histogram" else name
        assert set(re.findall(r"\w+", labels)) == exported()[sample], name
