"""What operators read of an error: one line, without a command's filter and signature, and with the side."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from syncapp.engine.error_text import describe, note_side, says_what_fails, shorten
from syncapp.engine.errors import translate
from syncapp.engine.values import Side

COMMAND = (
    'not authorized on shop to execute command { find: "orders", filter: { name: "Jane, }" }, lsid: { id: UUID("1") },'
    ' $clusterTime: { clusterTime: Timestamp(1, 1), signature: { hash: BinData(0, A0), keyId: 7 } }, $db: "shop" }'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COMMAND, 'not authorized on shop to execute command { find: "orders", … }'),
        (COMMAND[:150], 'not authorized on shop to execute command { find: "orders", … }'),
        (
            f"{COMMAND}, full error: {{'ok': 0.0}}",
            'not authorized on shop to execute command { find: "orders", … }',
        ),
        ('E11000 dup key: { email: "a@b" } and more', 'E11000 dup key: { email: "a@b" } and more'),
        ("a } b", "a } b"),
        ("h:1: refused (configured timeouts: socketTimeoutMS: 1ms), Timeout: 5.0s", "h:1: refused"),
        ("one\n  two\tthree", "one two three"),
        ("mongodb://till:hunter2@host/shop", "mongodb://till:***@host/shop"),
    ],
)
def test_a_text_is_cut_to_what_an_operator_reads(text: str, said: str) -> None:
    assert shorten(text) == said


def test_a_text_is_never_long() -> None:
    assert len(shorten("x" * 5_000)) == 300
    assert len(shorten('{ a: "' + "x" * 5_000)) < 100


def test_the_side_is_named_also_of_our_own_error_for_the_drivers() -> None:
    error = OperationFailure(COMMAND, 13)
    note_side(error, Side.ATLAS)
    note_side(error, Side.LOCAL)  # the first one knows best
    ours = translate(error)
    ours.__cause__ = error
    assert describe(error) == describe(ours) == f"Atlas: {shorten(COMMAND)}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationFailure("Authentication failed.", 18), "Atlas refuses the login: Authentication failed."),
        (OperationFailure("bad auth : authentication failed", 8000), "Atlas refuses the login: bad auth"),
        (
            OperationFailure("not authorized on shop", 13),
            "Atlas refuses what sync needs: not authorized on shop",
        ),
        (AutoReconnect("h:1: [Errno 111] Connection refused"), "Atlas cannot be reached: h:1: [Errno 111]"),
        (
            AutoReconnect("h:1: [Errno -2] Name or service not known"),
            "Atlas cannot be found, since its name cannot",
        ),
        (
            AutoReconnect("h:1: [SSL: CERTIFICATE_VERIFY_FAILED] x"),
            "Atlas cannot be reached by TLS: h:1: [SSL",
        ),
        (OperationFailure("resume impossible", 286), "Atlas: resume impossible"),
    ],
)
def test_what_fails_is_said_in_a_sentence(error: Exception, said: str) -> None:
    assert says_what_fails(Side.ATLAS, error).startswith(said)


def test_an_error_that_was_raised_from_itself_has_an_end() -> None:
    error = ValueError("no route")
    error.__cause__ = error
    assert describe(error) == "no route"
