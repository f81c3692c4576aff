"""What is written to `.env` is what Isthmus and a shell read; the rest of the file stays, and nobody else can read it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncapp.conf.env_lines import values_of, without_effect
from syncapp.wizard import env_file

ODD = [
    "plain",
    "mongodb+srv://u:p%40ss@h.example.net/db?retryWrites=true&w=majority",
    "a b",
    "$HOME `id` $(id)",
    "it's",
    'say "no"',
    '"quoted"',
    "'quoted'",
    'it\'s "both" $x `y` \\ \\n \\',
    "# no comment",
    "ä € 字",
    "",
    " edges ",
    "!bang ~ * ? ; | < >",
]


def shell_reads(tmp_path: Path, text: str, name: str) -> str:
    (tmp_path / "env").write_text(text)
    script = f'set -eu; . ./env; printf %s "${name}"'
    return subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("value", ODD)
def test_isthmus_and_a_shell_read_the_value_that_was_written(tmp_path: Path, value: str) -> None:
    text = env_file.changed("", {"MONGODB_URI": value})
    assert values_of(text) == {"MONGODB_URI": value}
    assert shell_reads(tmp_path, text, "MONGODB_URI") == value


@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))))
def test_any_text_comes_back(value: str) -> None:
    assert values_of(env_file.changed("", {"A": value})) == {"A": value}


@pytest.mark.parametrize("value", ["a\nB=c", "a\rb", "\0", "a\u2028b", "a\x85b", "a\x0bb", "\x1b[2J"])
def test_a_value_that_would_be_two_lines_is_refused(value: str) -> None:
    with pytest.raises(env_file.NotWritable):
        env_file.changed("", {"MONGODB_URI": value})


def test_other_lines_and_comments_stay_where_they_are() -> None:
    before = "# mine\nPORT=5001\n#MONGODB_URI=old\nexport MONGODB_URI='x'  \n\nMONGODB_URI_FILE=\n# last\nA=1"
    after = env_file.changed(before, {"MONGODB_URI": "y", "MONGODB_ATLAS_URI": "z"})
    assert after == (
        "# mine\nPORT=5001\n#MONGODB_URI=old\nexport MONGODB_URI=y\n\nMONGODB_URI_FILE=\n# last\nA=1\nMONGODB_ATLAS_URI=z\n"
    )
    assert env_file.changed(after, {"MONGODB_URI": "y"}) == after, "a second time nothing changes"


def test_line_ends_of_other_systems_stay_and_of_two_lines_the_last_one_counts() -> None:
    before = "MONGODB_URI=a\r\nMONGODB_URI=b\r\nB=2\r\n"
    after = env_file.changed(before, {"MONGODB_URI": "c"})
    assert after == "MONGODB_URI=a\r\nMONGODB_URI=c\r\nB=2\r\n"
    assert values_of(after)["MONGODB_URI"] == "c"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_file_and_its_predecessor_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=secret\n")
    path.chmod(0o644)
    assert env_file.write(path, "A=other\n")
    assert (path.read_text(), mode(path)) == ("A=other\n", 0o600)
    previous = tmp_path / env_file.PREVIOUS
    assert (previous.read_text(), mode(previous)) == ("A=secret\n", 0o600)
    path.chmod(0o644)
    assert not env_file.write(path, "A=other\n"), "it said so already"
    assert mode(path) == 0o600
    assert previous.read_text() == "A=secret\n"


def test_its_owner_need_not_be_in_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `sudo cp` and `chown` with a name alone: only root may give a file to such a group."""
    path = tmp_path / ".env"
    path.write_text("A=1\n")

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(env_file.os, "getegid", lambda: path.stat().st_gid + 1)
    monkeypatch.setattr(env_file.os, "chown", refused)
    assert env_file.write(path, "A=2\n")
    assert path.read_text() == "A=2\n"


def test_a_link_stays_a_link_and_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    target = tmp_path / "etc/isthmus.env"
    target.write_text("A=1\n")
    (tmp_path / ".env").symlink_to(target)
    env_file.write(tmp_path / ".env", "A=2\n")
    assert (tmp_path / ".env").is_symlink()
    assert target.read_text() == "A=2\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".env",
        ".env.previous",
        "etc",
        "isthmus.env",
    ]


def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")

    def interrupted(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(env_file.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        env_file.write(path, "A=2\n")
    assert path.read_text() == "A=1\n"
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_lines_that_only_other_programs_read_are_told_without_what_they_hold() -> None:
    text = (
        "# A = 1\nA=1\nexport B=2\nPORT = 5000\n  MONGODB_URI=mongodb://u:s3cret@h/db\nexport  C=3\n\n  # so\n"
        "-----BEGIN PRIVATE KEY-----\n"
    )
    assert without_effect(text) == [
        "Line 4 of .env does not count, since it has spaces before or after PORT",
        "Line 5 of .env does not count, since it has spaces before or after MONGODB_URI",
        "Line 6 of .env does not count, since it has spaces before or after C",
        "Line 9 of .env does not count, since it is not NAME=value",
    ]
    assert values_of(text) == {"A": "1", "B": "2"}


def test_a_mark_at_the_beginning_hides_no_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfPORT=5001\n")
    assert values_of(env_file.read(path)) == {"PORT": "5001"}
