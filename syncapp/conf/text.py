"""`.env.example` and the tables of docs/settings.md, made from the one list of settings.

    python -m syncapp.conf.text

writes both; a test compares them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from syncapp.conf.settings import BASE_DIR, SETTINGS, Setting

START, END = "<!-- settings -->", "<!-- /settings -->"
ADVANCED = "Advanced"
WHY = "The defaults fit nearly every device."
PLAIN = [one for one in SETTINGS if not one.advanced]
TURNED_SELDOM = [one for one in SETTINGS if one.advanced]


def env_example() -> str:
    blocks = [
        "# Copy this file to .env and change what you need. Everything has a default.\n"
        "# The environment wins over .env. Secrets can also come from a file: NAME_FILE=/path.",
        *map(_lines, PLAIN),
        f"# --- {ADVANCED}. {WHY} ---",
        *map(_lines, TURNED_SELDOM),
    ]
    return "\n\n".join(blocks) + "\n"


def _lines(setting: Setting) -> str:
    comment = textwrap.fill(setting.help, 100, initial_indent="# ", subsequent_indent="# ")
    return f"{comment}\n{setting.name}={setting.default}"


def settings_tables() -> str:
    return f"{_table(PLAIN)}\n\n## {ADVANCED}\n\n{WHY}\n\n{_table(TURNED_SELDOM)}"


def _table(settings: Iterable[Setting]) -> str:
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for setting in settings:
        default = f"`{setting.default}`" if setting.default else ""
        secret = f" Also from `{setting.name}_FILE`." if setting.secret else ""
        meaning = setting.help.replace("|", "\\|")
        rows.append(f"| `{setting.name}` | {default} | {meaning}{secret} |")
    return "\n".join(rows)


def write() -> None:
    (BASE_DIR / ".env.example").write_text(env_example())
    page = BASE_DIR / "docs" / "settings.md"
    between = re.compile(f"{START}.*{END}", re.DOTALL)
    page.write_text(between.sub(lambda _: f"{START}\n{settings_tables()}\n{END}", page.read_text()))


if __name__ == "__main__":
    write()
