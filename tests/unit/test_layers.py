"""The plan of the house: every package says what it is, stands on a floor, and no two import each other."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
ROOTS = ("syncapp", "monitoring")
# Written by Django, and what Django looks for by its name: the wiring of all the others
APART = frozenset({"syncapp.migrations", "syncapp.apps", "syncapp"})


def package_of(module: str) -> str:
    """The floor's unit that a module belongs to: `syncapp.<package>`, or `monitoring`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "syncapp" else parts[0]


def modules() -> dict[str, Path]:
    files = [path for root in ROOTS for path in (BASE / root).rglob("*.py")]
    return {
        ".".join(path.relative_to(BASE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files
    }


def packages() -> set[str]:
    return {package_of(module) for module in modules()} - APART


def imports_of(path: Path) -> set[str]:
    """Also those inside of functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {name for name in found if name.split(".")[0] in ROOTS}


def test_the_contract_leaves_no_package_out() -> None:
    contracts = tomllib.loads((BASE / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["name"] == "Layers")
    named = [name.strip() for layer in layers for name in layer.replace(":", "|").split("|")]
    assert sorted(named) == sorted(packages())


def test_no_two_packages_import_each_other() -> None:
    known: defaultdict[str, set[str]] = defaultdict(set)
    for module, path in modules().items():
        known[package_of(module)] |= {package_of(name) for name in imports_of(path)}
    both_ways = {
        tuple(sorted((one, other)))
        for one, others in known.items()
        for other in others
        if other != one and one in known[other] and not {one, other} & APART
    }
    assert not both_ways


@pytest.mark.parametrize("package", sorted(packages()))
def test_every_package_says_what_it_is(package: str) -> None:
    text = ast.get_docstring(ast.parse((BASE / package.replace(".", "/") / "__init__.py").read_text())) or ""
    assert 1 <= text.count(". ") + text.count(".\n") + text.endswith(".") <= 3, text


def test_nothing_lies_in_the_hall() -> None:
    """What has no package of its own would stand on no floor."""
    assert {path.stem for path in (BASE / "syncapp").glob("*.py")} == {"__init__", "apps"}
