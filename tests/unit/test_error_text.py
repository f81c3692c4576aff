"""What operators read of an error: one line, without a command's filter and signature, and with the side."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, InvalidURI, OperationFailure

from syncapp.core.values import Side
from syncapp.mongo.error_text import describe, note_side, says_what_fails, shorten
from syncapp.mongo.errors import translate
from syncapp.mongo.sides import connect_side

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
        (
            "No master found for 'm' : <redis.client.Redis(<redis.connection.ConnectionPool(<redis.connection.Connection("
            "db=0,retry=<redis.retry.Retry object at 0x7f>,host=10.0.0.1,port=26379,a=None)>)>)> - network:ConnectionError",
            "No master found for 'm' : 10.0.0.1:26379 network:ConnectionError",
        ),
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
            "Atlas cannot be found: its name cannot",
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


def test_a_chain_that_leads_back_to_itself_has_an_end() -> None:
    """The driver raises the first error of several from the last one, which may be the same."""
    first, last = AutoReconnect("first"), AutoReconnect("last")
    first.__cause__, last.__cause__ = last, first
    assert describe(first) == "first"
    note_side(last, Side.ATLAS)
    assert describe(first) == "Atlas: first"
    first.__cause__ = first
    assert says_what_fails(Side.LOCAL, first) == "The local MongoDB cannot be reached: first"


def test_a_wrong_uri_is_said_without_a_chain_to_itself() -> None:
    with pytest.raises(InvalidURI) as caught:
        connect_side(Side.ATLAS, "mongodb://", "test")
    assert caught.value.__cause__ is None
    assert says_what_fails(Side.ATLAS, caught.value).startswith("Atlas: Must provide at least one")
