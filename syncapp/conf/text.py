"""`.env.example` and the table of docs/settings.md, made from the one list of settings.

    python -m syncapp.conf.text

writes both; a test compares them.
"""

from __future__ import annotations

import re
import textwrap

from syncapp.conf.settings import BASE_DIR, SETTINGS

START, END = "<!-- settings -->", "<!-- /settings -->"


def env_example() -> str:
    blocks = [
        "# Copy this file to .env and change what you need. Everything has a default.\n"
        "# The environment wins over .env. A value can also come from a file: NAME_FILE=/path (secrets only)."
    ]
    for setting in SETTINGS:
        comment = textwrap.fill(setting.help, 100, initial_indent="# ", subsequent_indent="# ")
        blocks.append(f"{comment}\n{setting.name}={setting.default}")
    return "\n\n".join(blocks) + "\n"


def settings_table() -> str:
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for setting in SETTINGS:
        default = f"`{setting.default}`" if setting.default else ""
        secret = f" Also from `{setting.name}_FILE`." if setting.secret else ""
        meaning = setting.help.replace("|", "\\|")
        rows.append(f"| `{setting.name}` | {default} | {meaning}{secret} |")
    return "\n".join(rows)


def write() -> None:
    (BASE_DIR / ".env.example").write_text(env_example())
    page = BASE_DIR / "docs" / "settings.md"
    between = re.compile(f"{START}.*{END}", re.DOTALL)
    page.write_text(between.sub(lambda _: f"{START}\n{settings_table()}\n{END}", page.read_text()))


if __name__ == "__main__":
    write()
