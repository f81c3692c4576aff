""".env.example and docs/settings.md list every setting, with the default and the words of the code."""

from __future__ import annotations

import re

from syncapp.conf.settings import BASE_DIR, SETTINGS, load
from syncapp.conf.text import env_example, settings_tables


def test_env_example_is_what_the_code_says() -> None:
    assert (BASE_DIR / ".env.example").read_text() == env_example(), (
        "write it with `python -m syncapp.conf.text`"
    )


def test_docs_are_what_the_code_says() -> None:
    assert settings_tables() in (BASE_DIR / "docs" / "settings.md").read_text(), (
        "write it with `python -m syncapp.conf.text`"
    )


def test_env_example_can_be_used_as_it_is() -> None:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    assert sorted(pairs) == sorted(setting.name for setting in SETTINGS)
    assert load(pairs) == load({})


def test_what_nobody_turns_comes_last_under_a_heading_of_its_own() -> None:
    advanced = {setting.name for setting in SETTINGS if setting.advanced}
    assert "SYNC_LEASE_DURATION" in advanced
    for text, heading, names in (
        ((BASE_DIR / ".env.example").read_text(), "# --- Advanced. ", r"^(\w+)="),
        ((BASE_DIR / "docs" / "settings.md").read_text(), "\n## Advanced\n", r"^\| `(\w+)` \|"),
    ):
        before, after = text.split(heading)
        assert set(re.findall(names, after, re.MULTILINE)) == advanced
        assert not advanced & set(re.findall(names, before, re.MULTILINE))
