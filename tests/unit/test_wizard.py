"""The wizard's questions, proposals and sentences, without a server and without a file."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from syncapp.core.values import Side
from syncapp.first_run.preview import Preview
from syncapp.rules.environment import InForce, Source
from syncapp.services.errors import NotPossible
from syncapp.store.first_run import Counts, Report
from syncapp.wizard import said, unusable
from syncapp.wizard.addresses import complete, settle
from syncapp.wizard.env_file import ENABLED, EXCLUDED, WRITTEN
from syncapp.wizard.present import Present
from syncapp.wizard.questions import Nobody
from syncapp.wizard.suggestions import CollectionFacts, judge

GOOD = "mongodb://localhost:27017/shop"


class Scripted:
    """A person who gives these answers; "" is Enter."""

    def __init__(self, *answers: str, password: str = "") -> None:
        self.answers, self.password = list(answers), password
        self.asked: list[tuple[str, str]] = []  # question, and the default that was seen
        self.refused: list[str] = []

    def text(self, question: str, option: str, default: str = "", shown: str = "") -> str:
        self.asked.append((question, shown or default))
        return self.answers.pop(0) or default

    def secret(self, question: str) -> str:
        self.asked.append((question, ""))
        return self.password

    def refuse(self, why: str, *, was_told: bool = False) -> None:
        self.refused.append(why)


def passes(side: Side, address: str) -> str:
    return ""


def test_what_is_given_is_not_asked() -> None:
    assert settle(Scripted(), Side.LOCAL, GOOD, "", passes) == (GOOD, True)


def test_what_is_there_is_the_default_and_its_password_is_not_shown() -> None:
    ask, there = Scripted(""), "mongodb://till:s3cret@h/shop"
    assert settle(ask, Side.LOCAL, "", there, passes) == (there, True)
    assert "s3cret" not in str(ask.asked)
    assert "till" in str(ask.asked)


@pytest.mark.parametrize(
    "wrong", ["localhost", "mongodb://localhost:27017", "mongodb://u:p@ss@h/db", "mongodb://h/db?tsl=true"]
)
def test_a_wrong_address_is_asked_again_with_the_reason(wrong: str) -> None:
    ask = Scripted(wrong, GOOD)
    assert settle(ask, Side.LOCAL, "", "", passes) == (GOOD, True)
    assert "allowed:" in ask.refused[0]


def test_an_address_whose_server_fails_is_tried_again_replaced_or_kept() -> None:
    for answers, expected in (
        (("", GOOD), (GOOD, True)),
        ((GOOD,), (GOOD, True)),
        (("keep",), ("mongodb://down/shop", False)),
    ):
        tried: list[str] = []

        def try_out(side: Side, address: str, tried: list[str] = tried) -> str:
            tried.append(address)
            return "" if address == GOOD else "it does not answer"

        ask = Scripted(*answers)
        assert settle(ask, Side.ATLAS, "mongodb://down/shop", "", try_out) == expected
        assert ask.refused[0] == "it does not answer"
        assert "keep" in ask.asked[0][0]


def test_nobody_is_asked_but_told_in_one_line() -> None:
    with pytest.raises(NotPossible, match="--atlas-uri is missing"):
        settle(Nobody(), Side.ATLAS, "", "", passes)
    with pytest.raises(NotPossible, match="it does not answer"):
        settle(Nobody(), Side.ATLAS, GOOD, "", lambda side, address: "it does not answer")
    assert settle(Nobody(), Side.ATLAS, "", GOOD, passes) == (GOOD, True)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mongodb://till@h/shop", "mongodb://till:p%40s%2F%25%20%C3%A4@h/shop"),
        (
            "mongodb+srv://till:<db_password>@c.example.net/shop?retryWrites=true",
            "mongodb+srv://till:p%40s%2F%25%20%C3%A4@c.example.net/shop?retryWrites=true",
        ),
        ("mongodb://till:known@h/shop", "mongodb://till:known@h/shop"),
        ("mongodb://h/shop", "mongodb://h/shop"),
    ],
)
def test_a_password_that_is_missing_is_asked_for_and_encoded(typed: str, expected: str) -> None:
    assert complete(Scripted(password="p@s/% ä"), typed) == expected


def test_a_login_by_certificate_is_asked_for_no_password() -> None:
    address = "mongodb://CN%3Dtill@h/shop?authMechanism=MONGODB-X509&tls=true"
    ask = Scripted(password="never")
    assert complete(ask, address) == address
    assert ask.asked == []


@pytest.mark.parametrize(
    ("facts", "words", "by_default"),
    [
        (CollectionFacts("sessions"), "its name says sessions", True),
        (CollectionFacts("django_session"), "its name says sessions", True),
        (CollectionFacts("httpLogs"), "its name says logs", True),
        (CollectionFacts("HTTPLog2024"), "its name says logs", True),
        (CollectionFacts("email-queue"), "its name says a queue", True),
        (CollectionFacts("tmp_import"), "its name says temporary data", True),
        (CollectionFacts("carts", expires_after=7200), "its documents expire (a TTL index, 2 hours)", True),
        (CollectionFacts("codes", expires_after=0), "at the time in the document", True),
        (CollectionFacts("counters", documents=3, writes=50_000), "50,000 writes for 3 documents", False),
        (CollectionFacts("orders", documents=10_000, writes=20_000), "", False),
        (CollectionFacts("catalogs"), "", False),
        (CollectionFacts("my logs"), "", False),  # such a name cannot be excluded
        (CollectionFacts("blogs"), "", False),
        (CollectionFacts("clock"), "", False),
        (CollectionFacts("templates"), "", False),
    ],
)
def test_proposals_say_what_speaks_for_them(facts: CollectionFacts, words: str, by_default: bool) -> None:
    found = judge([facts], {})
    assert [one.by_default for one in found] == ([by_default] if words else [])
    assert all(words in "; ".join(one.why) for one in found)


def test_size_is_told_with_a_better_reason_only() -> None:
    large = CollectionFacts("orders", data_bytes=3_000_000_000)
    logs = CollectionFacts("logs", data_bytes=2_000_000_000)
    (found,) = judge([large, logs], {})
    assert found.why == ("its name says logs", "2.0 GB, 40% of the data")


def test_a_collection_that_differs_is_not_excluded_by_itself() -> None:
    (found,) = judge([CollectionFacts("sessions")], {"sessions": Counts(different=2)})
    assert not found.by_default
    assert "2 of its documents differ" in found.why[-1]


def preview_of(cut_short: dict[str, int] | None = None, **counts: Counts) -> Preview:
    return Preview(Report(dict(counts)), cut_short or {})


@pytest.mark.parametrize(
    ("found", "words", "command"),
    [
        (preview_of(), "copies nothing and asks nothing", "sync_status"),
        (preview_of(orders=Counts(equal=3)), "copies nothing and asks nothing", "sync_status"),
        (preview_of(orders=Counts(only_local=3)), "copies 3 documents to Atlas", "sync_status"),
        (preview_of(orders=Counts(only_atlas=1)), "as soon as sync is enabled", "sync_status"),
        (
            preview_of(orders=Counts(different=1)),
            "nothing is written on either side until you choose",
            "sync_initial",
        ),
        (preview_of({"orders": 9}, orders=Counts(equal=1)), "there may be more", "sync_status"),
    ],
)
def test_what_the_first_run_would_do(found: Preview, words: str, command: str) -> None:
    assert words in " ".join(said.what_the_first_run_does(found))
    assert command in said.next_commands(found)[1][0]
    assert len(said.next_commands(found)) == 3


def test_an_exclusion_that_would_replace_edits_is_warned_of() -> None:
    found = preview_of(orders=Counts(different=4), logs=Counts(only_local=9))
    (warning,) = said.about_exclusions(["ord*", "logs"], found)
    assert warning.startswith("orders is excluded, and its sides differ in 4 documents")


def taken(enabled: str, next_enabled: str = "", excluded: str = "logs", next_excluded: str = "") -> dict:
    return {
        ENABLED: InForce(ENABLED, enabled == "true", Source.RUN_TIME, next_enabled),
        EXCLUDED: InForce(EXCLUDED, excluded.split(","), Source.RUN_TIME, next_excluded),
    }


@pytest.mark.parametrize(
    ("written", "found", "words"),
    [
        ("false", {}, "Sync starts one-way"),
        ("false", taken("false"), "Two-way sync is disabled"),
        ("false", taken("true", "false"), "disabled from the next start"),
        ("false", taken("true"), "sync_toggle off"),
        ("true", taken("true"), "stays enabled"),
    ],
)
def test_what_a_start_makes_of_the_line_is_told(written: str, found: dict, words: str) -> None:
    text = " ".join(said.about_start({ENABLED: written, EXCLUDED: "logs"}, found, running=False))
    assert words in text
    assert "sync_exclusions" not in text


def test_an_exclusion_that_changes_nothing_is_told() -> None:
    text = " ".join(said.about_start({ENABLED: "false", EXCLUDED: "a"}, taken("false", excluded="a,b"), True))
    assert "Excluded stays a,b" in text
    assert "Isthmus is running" in text


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"MONGODB_URI": "mongodb://other/db"}, "MONGODB_URI is set in the environment"),
        ({"MONGODB_URI": ""}, "MONGODB_URI is set in the environment"),
        ({"MONGODB_ATLAS_URI_FILE": "/run/secrets/uri"}, "MONGODB_ATLAS_URI_FILE is set"),
    ],
)
def test_where_env_would_not_count_it_is_not_written(environment: dict, words: str, tmp_path: object) -> None:
    present = Present(tmp_path, "MONGODB_URI='mongodb://h/db'\n", environment)  # type: ignore[arg-type]
    with pytest.raises(NotPossible, match=words):
        present.check()
    Present(tmp_path, present.text, {"MONGODB_URI": "mongodb://h/db", "PORT": "1"}).check()  # type: ignore[arg-type]


def test_a_read_only_folder_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # root may write everywhere
    with pytest.raises(NotPossible, match="its folder is read-only"):
        Present(tmp_path / ".env", "", {}).check()


def test_a_file_of_another_account_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    for account, told in ((path.stat().st_uid, False), (0, False), (path.stat().st_uid + 1, True)):
        monkeypatch.setattr("os.geteuid", lambda account=account: account)
        with pytest.raises(NotPossible, match=r"belongs to [a-z]") if told else nullcontext():
            Present(path, "A=1\n", {}).check()


def as_found(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Present:
    """What the wizard has of an `.env` with this text."""
    monkeypatch.setattr(unusable, "_found", {})
    for name in WRITTEN:
        monkeypatch.delenv(name, raising=False)
    path = folder / ".env"
    path.write_text(text)
    unusable.set_aside(path)
    return Present(path, text, {}, wrong=unusable.found())


def test_values_of_the_file_that_stop_every_start_do_not_stop_the_wizard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = as_found(
        tmp_path,
        monkeypatch,
        "MONGODB_URI=mongodb://u:s3cret@h/db?tsl=true\nMONGODB_ATLAS_URI=mongodb://h/db\n"
        "BIDIRECTIONAL_SYNC_ENABLED=maybe\nPORT = 5001\n",
    )
    told = list(said.about_file(present))
    assert len(told) == 3
    assert "there is none 'tsl'" in told[0]
    assert "s3cret" not in told[0]
    assert "BIDIRECTIONAL_SYNC_ENABLED is 'maybe'" in told[1]
    assert "Line 4 of .env does not count" in told[2]
    assert [present.value(name) for name in WRITTEN] == ["", "mongodb://h/db", "", ""]
    assert os.environ["MONGODB_URI"] == "", "so that the file's value is not taken"


def test_what_the_old_programs_file_has_and_ours_cannot_have_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = as_found(
        tmp_path,
        monkeypatch,
        "MONGODB_URI=mongodb://h/db?useNewUrlParser=true&useUnifiedTopology=true\n"
        "MONGODB_ATLAS_URI=mongodb://u:s3cret@h/db?w=majority&poolSize=5&retryWrites=true # head office\n"
        "BIDIRECTIONAL_SYNC_ENABLED=false  # Start disabled!\n"
        "BIDIRECTIONAL_EXCLUDED_COLLECTIONS=sessions,carts # of the till\n",
    )
    assert [present.value(name) for name in WRITTEN] == [
        "mongodb://h/db",
        "mongodb://u:s3cret@h/db?w=majority&retryWrites=true",
        "false",
        "sessions,carts",
    ]
    assert list(said.about_file(present)) == [
        ".env has MONGODB_URI with useNewUrlParser, useUnifiedTopology: offered without",
        ".env has MONGODB_ATLAS_URI with poolSize, the comment behind it: offered without",
        ".env has BIDIRECTIONAL_SYNC_ENABLED with the comment behind it: offered without",
        ".env has BIDIRECTIONAL_EXCLUDED_COLLECTIONS with the comment behind it: offered without",
    ]
