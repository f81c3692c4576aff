"""What README and docs say that can be pasted, clicked or relied on exists: commands with their options, make's targets,
settings, addresses and bodies of the API, phrases of the log. tests/integration/test_documents.py runs it."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import load_command_class
from django.core.management.base import CommandError
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from syncapp.conf.settings import BASE_DIR, SETTINGS, load
from tests.support.documents import NOT_RUN, PAGES, Block, all_blocks, joined, name
from tests.unit.test_command_help import NAMES

LANGUAGES = {"sh", "env", "json", "yaml", "toml", "cron", "python", "text"}
# `manage.py sync_x …` in a sentence or on a line, to its end
COMMAND = re.compile(r"manage\.py (?P<line>[a-z_]+[^`\n#]*)")
VAGUE = re.compile(
    r"[…|\[\]]|\b(FOLDER|NAME|COLLECTION|ID)\b"
)  # a sentence shows the form, not a line to paste
OF_DJANGO = {"migrate", "help", "check"}
SENT = re.compile(r"-d '(?P<body>\{.*?\})'")
ASKED = re.compile(r"http://localhost:\d+(?P<path>/[^\s'\"`?)]*)")
TESTS = re.compile(r"`(tests/[a-z0-9_/]+\.py)`(?:: `(\w+)`)?")
PHRASES = re.compile(r'grep -\w+ "([^"]+)"')


def written(page_text: str) -> str:
    """Without blocks that only show output."""
    return re.sub(r"^```text\n.*?^```$", "", page_text, flags=re.M | re.S)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in COMMAND.finditer(re.sub(r"\\\n\s*", "", written(page.read_text()))):
            yield name(page), re.split(r"\s(?:\|\|?|>|&&|;)|\)|,$|\.$|\"", found["line"])[0].strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_each_command_exists_and_takes_what_it_is_given(page: str, line: str) -> None:
    command, *arguments = shlex.split(line.replace("'", "") if line.count("'") % 2 else line)
    if command in OF_DJANGO:
        return
    assert command in NAMES, f"{page}: there is no manage.py {command}"
    if VAGUE.search(line) or not arguments:
        return
    try:
        load_command_class("syncapp", command).create_parser("manage.py", command).parse_args(arguments)
    except (SystemExit, CommandError) as error:
        pytest.fail(f"{page}: manage.py {line}: {error}")


@cache
def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(), re.M))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_make_target_exists(page: Any) -> None:
    found = re.findall(r"(?:`|^ {4}|^)make ([a-z-]+)(?=`| |\n)", page.read_text(), re.M)
    assert set(found) <= targets()


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_each_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES, "name its language: sh is run, text is output"
    if block.note.startswith(NOT_RUN):
        assert len(block.note) > len(NOT_RUN) + 10, "say why it is not run"


def test_few_blocks_are_not_run() -> None:
    assert len([block for block in all_blocks("sh") if not block.is_run]) < 12


@pytest.mark.parametrize("block", all_blocks("env"), ids=str)
def test_settings_exist_and_take_the_values(block: Block) -> None:
    pairs = dict(line.split("=", 1) for line in joined(block.text))
    assert pairs.keys() <= {setting.name for setting in SETTINGS}
    load(pairs)


def test_a_setting_that_is_named_exists() -> None:
    known = {one.name for one in SETTINGS} | {f"{one.name}_FILE" for one in SETTINGS}
    kinds = r"`((?:SYNC|BIDIRECTIONAL|CHANGE_STREAM|CONFLICT|ORIGIN|ATLAS_CHANGE|MONGODB|DJANGO)_[A-Z_]+)[=`]"
    found = {one for page in PAGES for one in re.findall(kinds, page.read_text())}
    assert found - known == set()


@pytest.mark.parametrize("block", all_blocks("sh", "cron"), ids=str)
def test_bash_understands_it(block: Block) -> None:
    script = block.text
    if block.language == "cron":
        lines = [re.fullmatch(r"((?:[\d*/,-]+ ){5})(.+)", line) for line in joined(script)]
        assert all(lines), "five fields, then the command"
        script = "\n".join(line[2] for line in lines if line)
        assert "%" not in script, "cron makes a line end of it"
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert not done.stderr


@pytest.mark.parametrize("block", all_blocks("json", "yaml", "toml", "python"), ids=str)
def test_data_is_well_formed(block: Block) -> None:
    read = {"json": json.loads, "yaml": yaml.safe_load, "toml": tomllib.loads, "python": ast.parse}
    read[block.language](block.text)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_address_is_answered(page: Any) -> None:
    for path in ASKED.findall(page.read_text()):
        resolve(path)


@cache
def schema() -> dict[str, Any]:
    return dict(SchemaGenerator().get_schema(request=None, public=True))


def bodies() -> list[tuple[str, str, str, str]]:
    """Page, method, path and body of each request that sends JSON: by curl, or in a table or sentence."""
    found = []
    for page in PAGES:
        text = re.sub(r"\\?\n\s*", " ", page.read_text())
        for line in re.findall(r"curl [^\n]*?http://localhost:\d+/\S+", text):
            body, method = SENT.search(line), re.search(r"-X (\w+)", line)
            if body and method:
                found.append((name(page), method[1], ASKED.findall(line)[-1], body["body"]))
        for method, path, body in re.findall(r"`(POST|PUT) ([\w/{}.-]+)`\s+(?:with )?`(\{[^`]*\})`", text):
            whole = path if path.startswith("/") else f"/api/sync/bidirectional/{path}"
            found.append((name(page), method, whole, body))
    return found


@pytest.mark.parametrize(("page", "method", "path", "body"), bodies())
def test_each_body_is_what_the_api_takes(page: str, method: str, path: str, body: str) -> None:
    pattern = re.sub(r"/\d+|\{\w+\}", lambda one: "/[^/]+" if one[0][0] == "/" else "[^/]+", path)
    known = next(one for one in schema()["paths"] if re.fullmatch(pattern, one))
    content = schema()["paths"][known][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    checked = {**content, "components": schema()["components"]}
    jsonschema.validate(json.loads(body), checked)
    reference = content.get("$ref", "").rpartition("/")[2]
    if reference:
        assert json.loads(body).keys() <= schema()["components"]["schemas"][reference]["properties"].keys()


def test_there_are_bodies() -> None:
    assert len(bodies()) > 8


@cache
def code() -> str:
    """All that the product may write, and its tests as examples of other programs' lines do not count."""
    files = [path for root in ("syncapp", "syncproject") for path in (BASE_DIR / root).rglob("*.py")]
    return "\n".join(path.read_text() for path in files).replace("{self.side.capitalize()}", "Atlas")


def test_log_phrases_are_written_somewhere() -> None:
    searched = {one for page in PAGES for one in PHRASES.findall(page.read_text())}
    monitoring = (BASE_DIR / "docs/migration/monitoring.md").read_text()
    table = set(re.findall(r'^\| "([^"]+)" \|', monitoring, re.M))
    assert len(table) > 8
    for phrase in searched | table:
        short = phrase.removeprefix("Change Stream started") if phrase.startswith("Change") else phrase
        assert phrase in code() or short in code(), phrase


def test_a_test_that_is_named_exists() -> None:
    named = {one for page in PAGES for one in TESTS.findall(page.read_text())}
    assert len(named) > 20
    for path, function in named:
        text = (BASE_DIR / path).read_text()
        assert not function or f"def {function}" in text, f"{path}: {function}"
