"""What `make run` says at once about databases that cannot be used: the setting, the server's words, the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncapp.conf.settings import load
from syncapp.embedded.first_look import FirstLook
from syncapp.embedded.mongod import Mongod
from tests.support.certificates import make_authority
from tests.support.secured import SecuredMongod
from tests.support.servers import started
from tests.support.stand_alone import StandAlone

DOCTOR = "Run manage.py sync_doctor"


def look(local: str, atlas: str) -> tuple[bool, dict[str, str]]:
    """Is it fine, and what was said of each setting?"""
    said: list[str] = []
    settings = load({"MONGODB_URI": local, "MONGODB_ATLAS_URI": atlas})
    is_fine = FirstLook(settings, said.append).is_fine()
    assert [line for line in said if line.startswith("Asking MONGODB_URI, ")], (
        "it says what it is about to do"
    )
    found = [line for line in said if not line.startswith("Asking ")]
    names = ("MONGODB_URI", "MONGODB_ATLAS_URI")
    return is_fine, {name: next(line for line in found if line.startswith(name)) for name in names}


@pytest.fixture(scope="module")
def with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredMongod]:
    folder = tmp_path_factory.mktemp("secured")
    authority = make_authority(folder)
    with started(SecuredMongod(folder / "server", authority, "rs0")) as server:
        yield server


def test_two_that_can_be_used(local_server: Mongod, atlas_server: Mongod) -> None:
    is_fine, said = look(local_server.uri("shop"), atlas_server.uri("shop"))
    assert is_fine
    assert "answers (MongoDB " in said["MONGODB_URI"]
    assert DOCTOR not in "".join(said.values())


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mongodb://till:verysecret@127.0.0.1:1/shop", "Connection refused"),
        ("mongodb://till:verysecret@nowhere.invalid/shop", "name cannot be resolved"),
        ("mongodb+srv://till:verysecret@nowhere.invalid/shop", "name cannot be resolved"),
    ],
)
def test_nobody_there(local_server: Mongod, uri: str, words: str) -> None:
    is_fine, said = look(local_server.uri("shop"), uri)
    assert not is_fine
    assert words in said["MONGODB_ATLAS_URI"]
    assert DOCTOR in said["MONGODB_ATLAS_URI"]
    assert "verysecret" not in str(said)
    assert "answers" in said["MONGODB_URI"]


def test_a_wrong_password(local_server: Mongod, with_login: SecuredMongod) -> None:
    right = with_login.address("root", "shop")
    is_fine, said = look(right.replace("%40", "%41"), local_server.uri("shop"))
    assert not is_fine
    assert "refuses the login: Authentication failed" in said["MONGODB_URI"]
    assert DOCTOR in said["MONGODB_URI"]
    assert look(right, local_server.uri("shop"))[0]


def test_a_stand_alone_server_and_what_to_do_about_it(local_server: Mongod, tmp_path: Path) -> None:
    with started(StandAlone(tmp_path / "alone")) as alone:
        is_fine, said = look(f"mongodb://127.0.0.1:{alone.port}/shop", local_server.uri("shop"))
    assert not is_fine
    assert str(alone.config_file) in said["MONGODB_URI"]
    assert "manage.py sync_doctor --fix" in said["MONGODB_URI"]
    assert len(said["MONGODB_URI"].splitlines()) == 5, "each step is a line"
