"""What sync keeps in MongoDB is named in one file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from syncapp.store import names

BASE = Path(__file__).resolve().parents[2]
HOME = BASE / "syncapp/store/names.py"
# The default of a setting, as older releases had it, and what explains it
OF_SETTINGS = {"syncapp/conf/settings.py", "syncapp/core/rule/patterns.py"}
# What no collection may begin with, where nothing is known of the store
PREFIX_ONLY = {"syncapp/core/rule/exclusions.py"}


def words(tree: ast.Module) -> Iterator[str]:
    """Strings that are code: no docstring."""
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def spelled() -> set[tuple[str, str]]:
    files = [
        path for root in ("syncapp", "monitoring", "syncproject") for path in (BASE / root).rglob("*.py")
    ]
    return {
        (str(path.relative_to(BASE)), word)
        for path in files
        if path != HOME and "migrations" not in path.parts
        for word in words(ast.parse(path.read_text()))
        if names.PREFIX in word
    }


def test_nobody_else_spells_a_name() -> None:
    metrics = "monitoring/prometheus.py"
    assert {one for one in spelled() if one[0] not in {*OF_SETTINGS, *PREFIX_ONLY, metrics}} == set()


def test_every_collection_is_among_its_own() -> None:
    collections = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    assert {one for one in collections if one.startswith(names.PREFIX)} - {
        names.PREFIX,
        names.SCRATCH,
    } == names.OWN
