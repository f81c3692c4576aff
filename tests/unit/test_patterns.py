"""Which patterns of collections are taken, and what is said about those that are not."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from syncapp.conf.settings import SETTINGS, SettingsError, load
from syncapp.core.rule.patterns import ALLOWED, LONGEST, WrongPattern, check_pattern
from syncapp.models import ExcludedCollection, ValidationRule
from syncapp.services.rules.unmasking import meet

EXCLUDED = "BIDIRECTIONAL_EXCLUDED_COLLECTIONS"
RESERVED = "such collections belong to sync or to the server"
DOTS = "begins or ends with a dot, or has two in a row"
REFUSED = [
    ("[abc", "[ is not a wildcard here: * stands for any characters, ? for one"),
    ("orders]", "] is not a wildcard here"),
    ("{a", "{ is not a wildcard here"),
    (r"temp_\d", "\\ is not a wildcard here"),
    ("foo..bar", DOTS),
    (".foo", DOTS),
    ("foo.", DOTS),
    ("x" * 300, "it has 300"),
    ("a\x07b", r"'\x07' is white space or a control character"),
    ("a\x85b", r"'\x85' is white space or a control character"),
    ("a b", "' ' is white space or a control character"),
    ("a$b", "it has $ in it"),
    ("_sync_state", RESERVED),
    ("_sync_*", RESERVED),
    ("system.views", RESERVED),
]


@pytest.mark.parametrize(
    "pattern", ["orders", "temp_*", "*", "?", "a.b*", "a-b", "straße", "_sync", "x" * 255]
)
def test_names_and_globs_are_taken(pattern: str) -> None:
    check_pattern(pattern)
    assert load({EXCLUDED: pattern}).bidirectional_excluded_collections == (pattern,)


@pytest.mark.parametrize(
    ("pattern", "why"), [*REFUSED, ("", "it is empty"), ("a,b", "it has , in it"), ("a\n", r"'\n' is")]
)
def test_others_are_refused_with_what_is_allowed_and_why(pattern: str, why: str) -> None:
    with pytest.raises(WrongPattern) as refused:
        check_pattern(pattern)
    assert str(refused.value).startswith(f"{ALLOWED}; ")
    assert why in str(refused.value)
    for model in (ExcludedCollection, ValidationRule):
        with pytest.raises(ValidationError):
            model(pattern=pattern).clean_fields(exclude=["schema"])


@pytest.mark.parametrize(("pattern", "why"), REFUSED)
def test_the_environment_says_which_of_its_patterns_it_is(pattern: str, why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({EXCLUDED: f"logs,{pattern}"})
    assert str(refused.value).startswith(f"{EXCLUDED} is ")
    assert f"{pattern[:LONGEST]!r}: " in str(refused.value)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_older_settings_name_is_taken_from_the_environment_alone() -> None:
    default = next(one.default for one in SETTINGS if one.name == EXCLUDED)
    assert "_sync_metadata" in load({EXCLUDED: default}).bidirectional_excluded_collections
    with pytest.raises(WrongPattern, match=RESERVED):
        check_pattern("_sync_metadata")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("a*", "*b", True), ("a*", "b*", False), ("a?", "a", False), ("a?", "a*", True), ("*", "x", True),
        ("*a*", "b?c", True), ("*a*", "bc", False), ("orders", "order", False), ("*" * 100 + "a", "*" * 100 + "b", False),
    ],
)  # fmt: skip
def test_two_patterns_meet_where_a_name_matches_both(one: str, other: str, both: bool) -> None:
    assert meet(one, other) is meet(other, one) is both
