"""User and password in an address: what has to be percent-encoded is said in one line, and what is right is taken."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from syncapp.conf.settings import SettingsError, load

FORMS = {
    "MONGODB_URI": "mongodb://till:{}@127.0.0.1:27017/shop",
    "CELERY_BROKER_URL": "redis://:{}@127.0.0.1:6379/0",
    "DATABASE_URL": "postgres://till:{}@127.0.0.1:5432/isthmus",
}
PASSWORDS = ["p@ss/w0rd", "a%41", "p?x", "a/b", "50%", "pl:ain#[x]", "ümläut ß", "a;b"]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("password", PASSWORDS)
def test_any_password_can_be_given_percent_encoded(name: str, password: str) -> None:
    address = FORMS[name].format(quote(password, safe=""))
    assert getattr(load({name: address}), name.lower()) == address


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("password", ["p@ss/w0rd", "p?x", "a/b", "50%", "a%zz"])
def test_what_must_be_encoded_is_said_in_one_line_without_the_password(name: str, password: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load({name: FORMS[name].format(password)})
    line = str(wrong.value)
    assert line.startswith(f"{name} is ")
    assert "percent-encoded (@ as %40, : as %3A, / as %2F" in line
    assert password not in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "form", ["redis://:{}@h:6379/0", "sentinel://:{}@a;b/0?master_name=m", "amqp://u:{}@h/v"]
)
def test_a_semicolon_which_celery_takes_for_the_end_of_an_address_must_be_encoded(form: str) -> None:
    with pytest.raises(SettingsError, match="; as %3B"):
        load({"CELERY_BROKER_URL": form.format("a;b")})


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://a:1,b:2/db?appName=x@y",
        "mongodb://u:p@a:1,[::1]:2/db?appName=x@y",
        "mongodb+srv://u:p@cluster.mongodb.net/db",
    ],
)
def test_an_at_sign_elsewhere_is_no_login(uri: str) -> None:
    assert load({"MONGODB_URI": uri}).mongodb_uri == uri
