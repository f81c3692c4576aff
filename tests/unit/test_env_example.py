""".env.example and docs/settings.md list every setting, with the default and the words of the code."""

from __future__ import annotations

import re

from syncapp.conf.settings import BASE_DIR, SETTINGS, load
from syncapp.conf.text import env_example, settings_table


def test_env_example_is_what_the_code_says() -> None:
    assert (BASE_DIR / ".env.example").read_text() == env_example(), (
        "write it with `python -m syncapp.conf.text`"
    )


def test_docs_are_what_the_code_says() -> None:
    assert settings_table() in (BASE_DIR / "docs" / "settings.md").read_text(), (
        "write it with `python -m syncapp.conf.text`"
    )


def test_env_example_can_be_used_as_it_is() -> None:
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    assert list(pairs) == [setting.name for setting in SETTINGS]
    assert load(pairs) == load({})
