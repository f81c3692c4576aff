"""docs/openapi.json is the description that the API serves."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.management import call_command

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
REFRESH = "docs/openapi.json is not what the code says: make openapi writes it"


def test_the_committed_description_is_what_the_code_says(tmp_path: Path) -> None:
    now = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(now))
    same = now.read_text() == COMMITTED.read_text()
    assert same, REFRESH
    assert json.loads(now.read_text())["openapi"].startswith("3.1")
