"""Everything that the tests need is there: what is missing fails here, once, with what installs it."""

from __future__ import annotations

import pytest

from tests.support.parts import PARTS, Part


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_the_tests_need_is_installed(part: Part) -> None:
    assert not (line := part.why_missing()), line
