"""A wrong setting stops the start with one line: which variable, which value, what is allowed."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from syncapp.conf.broker import broker_of
from syncapp.conf.settings import BASE_DIR, SETTINGS, SettingsError, kept_secret, load, read_env_file
from syncapp.embedded.ports import free_port
from tests.support.forked import run
from tests.support.processes import environment, manage

URI = "mongodb://127.0.0.1:27017/shop"
WRONG = [
    ("MONGODB_URI", "127.0.0.1:27017/shop", "mongodb://host:port/database"),
    ("MONGODB_URI", "mongodb://127.0.0.1:27017", "with the database's name"),
    ("MONGODB_URI", "mongodb://127.0.0.1:port/shop", "mongodb://host:port/database"),
    ("MONGODB_ATLAS_URI", "https://cloud.example.com/shop", "mongodb+srv://host/database"),
    ("BIDIRECTIONAL_SYNC_ENABLED", "maybe", "true or false"),
    ("ATLAS_CHANGE_STREAM_BATCH_SIZE", "0", "a whole number from 1 to 10000"),
    ("ATLAS_CHANGE_STREAM_BATCH_SIZE", "many", "a whole number from 1 to 10000"),
    ("BIDIRECTIONAL_EXCLUDED_COLLECTIONS", "sessions,a b", "separated by commas"),
    ("BIDIRECTIONAL_EXCLUDED_COLLECTIONS", "$cmd", "separated by commas"),
    (
        "CONFLICT_RESOLUTION_STRATEGY",
        "first-write-wins",
        "last-write-wins, atlas-wins, callable, field-merge, local-wins, manual",
    ),
    ("SYNC_INITIAL_CHOICE", "newest", "differing=newest:FIELD"),
    ("SYNC_INITIAL_CHOICE", "differing=newest,only-atlas=pull,only-local=push", "differing=newest:FIELD"),
    ("SYNC_INITIAL_CHOICE", "differing=local,only-atlas=push,only-local=push", "only-atlas=pull or leave"),
    ("ORIGIN_TRACKING_CLEANUP_INTERVAL", "-1", "a whole number from 1000 to 86400000"),
    ("ORIGIN_TRACKING_KEEP_HOURS", "0", "a whole number from 1 to 8760"),
    ("CHANGE_STREAM_RECONNECT_INTERVAL", "5s", "a whole number from 10 to 3600000"),
    ("CHANGE_STREAM_MAX_RECONNECT_ATTEMPTS", "0", "a whole number from 1 to 100000"),
    ("SYNC_ALERT_WEBHOOK_URL", "example.com/hook", "an address such as https://example.com/hook"),
    ("SYNC_ALERT_EMAIL_TO", "operator", "e-mail addresses, separated by commas"),
    ("SYNC_ALERT_EMAIL_FROM", "a@example.com,b@example.com", "an e-mail address"),
    ("EMAIL_URL", "mail.example.com", "smtp+tls:// or smtp+ssl://"),
    ("CELERY_BROKER_URL", "kafka://localhost", "or sentinel:// or sentinels:// or amqp:// or amqps://"),
    ("CELERY_BROKER_URL", "amqp://localhost/a/b", "amqp://user:password@host:port/VHOST"),
    ("CELERY_BROKER_URL", "amqp://a:5672;b:5672/v", "amqp://user:password@host:port/VHOST"),
    ("CELERY_BROKER_URL", "amqp://localhost/a;b", "amqp://user:password@host:port/VHOST"),
    ("CELERY_BROKER_URL", "amqp://localhost:99999/a", "amqp://user:password@host:port/VHOST"),
    ("CELERY_BROKER_URL", "redis://localhost:65536/0", "redis://host:port/N"),
    ("CELERY_BROKER_URL", "redis://localhost:one/0", "redis://host:port/N"),
    ("CELERY_BROKER_URL", "redis://[::1/0", "redis://host:port/N"),
    ("CELERY_BROKER_URL", "sentinel://a:26379;redis://b/0?master_name=m", "sentinel://host:port;host:port/N"),
    ("CELERY_BROKER_URL", "sentinel://a:99999/0?master_name=m", "sentinel://host:port;host:port/N"),
    ("CELERY_BROKER_URL", "amqp://localhost/a?ssl_cert_reqs=none", "an address that starts with amqps://"),
    ("CELERY_BROKER_URL", "sentinel://a:26379;b:26379/0", "?master_name=NAME"),
    ("CELERY_BROKER_URL", "sentinel://a:b/0?master_name=m", "sentinel://host:port;host:port/N"),
    ("CELERY_BROKER_URL", "sentinel://a;;b/0?master_name=m", "sentinel://host:port;host:port/N"),
    ("CELERY_BROKER_URL", "sentinel://a/x?master_name=m", "N is the number of a database"),
    ("CELERY_BROKER_URL", "sentinel://a/0?ssl_cert_reqs=none", "an address that starts with sentinels://"),
    ("CELERY_BROKER_URL", "sentinels://a/0?master=m", "there is none 'master'"),
    ("CELERY_BROKER_URL", "sentinels://a/0?ssl_cert_reqs=none", "?master_name=NAME"),
    ("CELERY_BROKER_URL", "redis://localhost:6379/0/9", "number of a database"),
    (
        "MONGODB_URI",
        "mongodb://h/shop?readPreferenc=primary",
        "none 'readpreferenc'; did you mean 'readPreference'?",
    ),
    ("MONGODB_URI", "mongodb+srv://h/shop?useNewUrlParser=true", "there is none 'usenewurlparser'"),
    ("MONGODB_URI", "mongodb://h/shop?readPreference=best", "best is not a valid read preference"),
    ("MONGODB_URI", "mongodb://h/shop?tlsCAFile=/no.pem", "tlsCAFile; '/no.pem' cannot be: No such file"),
    ("MONGODB_URI", f"mongodb://h/shop?tlsCAFile={__file__}", "certificates (PEM) for tlsCAFile"),
    (
        "CELERY_BROKER_URL",
        "rediss://h/0?ssl_ca_certs=/no.pem",
        "ssl_ca_certs; '/no.pem' cannot be: No such file",
    ),
    ("CELERY_BROKER_URL", "rediss://h/0?ssl_ca_cert=/no.pem", "there is none 'ssl_ca_cert'"),
    ("CELERY_BROKER_URL", "redis://h/0?ssl_cert_reqs=none", "an address that starts with rediss://"),
    ("CELERY_BROKER_URL", "rediss://h/0?ssl_cert_reqs=never", "required, optional or none"),
    ("DATABASE_URL", "mysql://localhost/db", "sqlite:// or postgres://"),
    ("DATABASE_URL", "postgres://localhost", "postgres://user:password@host:port/name"),
    ("DJANGO_DEBUG", "2", "true or false"),
    ("DJANGO_SECRET_KEY", "secret", "20 characters or more"),
    ("DJANGO_ALLOWED_HOSTS", "https://shop.example.com", "without scheme and port"),
    ("DJANGO_ALLOWED_HOSTS", "shop.example.com,a b", "separated by commas"),
    ("DJANGO_CSRF_TRUSTED_ORIGINS", "sync.example.com", "https://sync.example.com"),
    ("PORT", "web", "a whole number from 1 to 65535"),
    ("PORT", "65536", "a whole number from 1 to 65535"),
    ("PORT", "5" * 5_000, "a whole number from 1 to 65535"),  # more digits than Python reads
    ("SYNC_API_PUBLIC_READ", "everyone", "true or false"),
    ("SYNC_LOG_FORMAT", "xml", "plain, json"),
    ("SYNC_PROFILE", "tiny", "standard, small"),
    ("SYNC_LOG_LEVEL", "info", "DEBUG, INFO, WARNING, ERROR"),
    ("SYNC_APPLY_BATCH_SIZE", "5001", "a whole number from 1 to 5000"),
    ("SYNC_APPLY_BATCH_BYTES", "1", "a whole number from 1000000 to 64000000"),
    ("SYNC_APPLY_WORKERS", "0", "a whole number from 1 to 64"),
    ("SYNC_APPLY_MAX_ATTEMPTS", "x", "a whole number from 1 to 1000"),
    ("SYNC_RESOLVER_MODULES", "my-shop", "names of Python modules or packages"),
    ("SYNC_RESOLVER_MS", "9", "a whole number from 10 to 60000"),
    ("SYNC_MAX_DIRTY_KEYS", "10", "a whole number from 1000 to 10000000"),
    ("SYNC_REPORT_TIMEOUT", "1", "a whole number from 1000 to 3600000"),
    ("SYNC_SOCKET_TIMEOUT", "10", "a whole number from 1000 to 600000"),
    ("SYNC_COMPARE_RATE", "-1", "a whole number from 0 to 10000000"),
    ("SYNC_HALT_DELETES", "0", "a whole number from 1 to 1000000000"),
    ("SYNC_HALT_DELETES_PERCENT", "101", "a whole number from 0 to 100"),
    ("SYNC_HALT_DELETES_SECONDS", "0", "a whole number from 1 to 604800"),
    ("SYNC_VERIFY_HOUR", "24", "a whole number from 0 to 23"),
    ("SYNC_VERIFY_MINUTES", "1441", "a whole number from 0 to 1440"),
    ("SYNC_CLOCK_WARNING", "0", "a whole number from 1 to 86400000"),
    ("SYNC_LEASE_DURATION", "1", "a whole number from 1000 to 600000"),
    ("SYNC_TRUSTED_PROXIES", "11", "a whole number from 0 to 10"),
    ("SYNC_API_RATE", "-1", "a whole number from 0 to 10000000"),
    ("SYNC_LOGIN_ATTEMPTS", "0", "a whole number from 1 to 100000"),
    ("SYNC_KEEP_CONFLICTS_DAYS", "-1", "a whole number from 0 to 36500"),
    ("SYNC_KEEP_REJECTED_DAYS", "-1", "a whole number from 0 to 36500"),
    ("SYNC_KEEP_METRICS_DAYS", "0", "a whole number from 1 to 3650"),
    ("SYNC_KEEP_ALERTS_DAYS", "0", "a whole number from 1 to 36500"),
    ("SYNC_KEEP_AUDIT_DAYS", "-1", "a whole number from 0 to 36500"),
    ("SYNC_FLOWER_URL", "flower:5555", "http:// or https://"),
]
# Any text is allowed, or it is checked where it is used
ANYTHING_GOES = {
    "DJANGO_SUPERUSER_USERNAME",
    "DJANGO_SUPERUSER_PASSWORD",
    "DJANGO_SUPERUSER_EMAIL",
    "SYNC_ALERT_WEBHOOK_SECRET",
    "SYNC_WEB_BIND",
    "SYNC_HOME",
}


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_value_is_named_in_one_line(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load({name: value})
    line = str(wrong.value)
    assert line.startswith(f"{name} is {value!r}; allowed: ")
    assert allowed in line
    assert "\n" not in line


def test_every_setting_has_a_wrong_value_here_or_takes_any_text() -> None:
    assert {name for name, _, _ in WRONG} | ANYTHING_GOES == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("MONGODB_URI", "mongodb://shop:hunter2@host", "'mongodb://shop:***@host'"),
        ("MONGODB_ATLAS_URI", "mongodb+srv://shop:hun:ter2@2@ho st/db", "'mongodb+srv://shop:***@ho st/db'"),
        ("MONGODB_URI", "shop:hunter2@host/db", "'***@host/db'"),
        ("CELERY_BROKER_URL", "kafka://:hunter2@host", "'kafka://:***@host'"),
        ("DATABASE_URL", "mysql://shop:hunter2@host/db", "'mysql://shop:***@host/db'"),
        ("EMAIL_URL", "smtp://shop:hun/ter2@host", "'smtp://shop:***@host'"),
    ],
)
def test_a_wrong_address_is_shown_without_its_password(name: str, value: str, shown: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load({name: value})
    assert f"{name} is {shown}; allowed: " in str(wrong.value)
    assert "ter2" not in str(wrong.value)


def test_an_address_that_is_quoted_by_a_library_shows_no_password() -> None:
    with pytest.raises(SettingsError) as wrong:
        load({"MONGODB_URI": "mongodb://shop:hunter2@@@host:99999/db?tls=perhaps"})
    assert "hunter2" not in str(wrong.value)


def test_defaults_are_allowed_and_those_of_the_requirements() -> None:
    settings = load({})
    assert settings.bidirectional_sync_enabled is False
    assert settings.atlas_change_stream_batch_size == 100
    assert settings.bidirectional_excluded_collections == (
        "sessions",
        "logs",
        "notifications",
        "_sync_metadata",
    )
    assert settings.conflict_resolution_strategy == "last-write-wins"
    assert settings.origin_tracking_cleanup_interval == 60_000
    assert settings.change_stream_reconnect_interval == 5_000
    assert settings.change_stream_max_reconnect_attempts == 10
    assert settings.port == 5_000


def test_it_is_known_what_the_environment_says_and_what_is_a_default() -> None:
    said = {"PORT": "5000", "SYNC_LOG_LEVEL": " ", "BIDIRECTIONAL_SYNC_ENABLED": "false"}
    assert load(said).given == {"PORT", "BIDIRECTIONAL_SYNC_ENABLED"}


def test_an_empty_value_means_not_set() -> None:
    assert load({"PORT": "", "BIDIRECTIONAL_SYNC_ENABLED": "  "}) == load({})


def test_the_two_databases_must_differ() -> None:
    with pytest.raises(SettingsError, match="MONGODB_ATLAS_URI names the same database"):
        load({"MONGODB_URI": URI, "MONGODB_ATLAS_URI": URI})


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text(URI + "\n")
    assert load({"MONGODB_URI_FILE": str(tmp_path / "uri")}).mongodb_uri == URI


def test_a_secret_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(
        SettingsError, match="MONGODB_URI_FILE is '/nowhere', which cannot be read: No such file"
    ):
        load({"MONGODB_URI_FILE": "/nowhere"})


def test_a_relative_home_counts_from_the_projects_root() -> None:
    assert load({"SYNC_HOME": "some/where"}).home == BASE_DIR / "some" / "where"


def test_a_kept_secret_stays_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "home", "secret")
    assert kept_secret(tmp_path / "home", "secret") == first
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "web"),
        ("MONGODB_URI", "mongodb://shop:hunter2@host"),
        ("DATABASE_URL", "mysql://shop:hunter2@host/db"),
    ],
)
def test_a_real_process_ends_with_status_2_and_that_line(tmp_path: Path, name: str, value: str) -> None:
    done = manage("sync_run", home=tmp_path, **{name: value})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"{name} is ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


PROGRAMS = {
    "celery": ["-m", "celery", "-A", "syncproject", "worker"],
    "lean": ["-m", "syncproject.lean", "worker"],
    "gunicorn": ["-m", "gunicorn", "--config", "python:syncproject.gunicorn", "syncproject.wsgi"],
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_is_not_ours_ends_so_too(tmp_path: Path, program: str) -> None:
    for name, value in (("SYNC_KEEP_AUDIT_DAYS", "-1"), ("SYNC_HOME", "/dev/null")):
        done = run(PROGRAMS[program], environment(tmp_path, **{name: value}), BASE_DIR, 60)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith(f"{name} is {value!r}; allowed: ")
        assert done.stderr.count("\n") == 1


def test_a_home_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = manage("check", home=tmp_path / "file")
    assert done.returncode == 2
    assert done.stderr == f"SYNC_HOME is '{tmp_path / 'file'}'; allowed: a writable folder\n"


@pytest.mark.parametrize(
    ("given", "missing"), [("MONGODB_URI", "MONGODB_ATLAS_URI"), ("MONGODB_ATLAS_URI", "MONGODB_URI")]
)
def test_one_database_of_ones_own_needs_the_other(tmp_path: Path, given: str, missing: str) -> None:
    done = manage("sync_run", home=tmp_path, **{given: URI})
    assert done.returncode == 2
    assert done.stderr == (
        f"{missing} is not set; set both MONGODB_URI and MONGODB_ATLAS_URI, or neither for the demo\n"
    )


@pytest.mark.parametrize(
    "url", ["postgres://user:hidden@127.0.0.1:1/x", "sqlite:////no/such/folder/x.sqlite3"]
)
def test_a_database_that_cannot_be_used_gives_one_line(tmp_path: Path, url: str) -> None:
    done = manage("sync_run", home=tmp_path, DATABASE_URL=url, PORT=str(free_port()))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("DATABASE_URL: Django's database cannot be reached (")
    assert "hidden" not in line


def test_a_file_of_settings_that_is_no_text_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"PORT=5001 # \xe4\n")
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        read_env_file(path)
    path.write_bytes(b"\xef\xbb\xbfISTHMUS_NOBODY=1\n")  # as some editors begin it
    monkeypatch.setenv("ISTHMUS_NOBODY", "to be removed afterwards")
    monkeypatch.delenv("ISTHMUS_NOBODY")
    read_env_file(path)
    assert os.environ["ISTHMUS_NOBODY"] == "1"


def test_a_line_that_does_not_count_is_told_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ".env"
    path.write_text("# ours\n\nDATABASE_URL = postgres://sync:s3cret@h/sync\n")
    read_env_file(path)
    told = "Line 3 of .env does not count, since it has spaces before or after DATABASE_URL\n"
    assert capsys.readouterr().err == told


def test_sentinels_with_tls_are_asked_by_tls_too() -> None:
    broker = broker_of("sentinels://:pw@a:26379;b/1?master_name=m&sentinel_password=s&ssl_cert_reqs=none")
    assert broker.url == "sentinel://:pw@a:26379/1;sentinel://:pw@b/1", "Celery's scheme"
    assert broker.tls == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
    assert broker.options["sentinel_kwargs"] == {"password": "s", "ssl": True, **broker.tls}
    assert broker.client().connection_pool.connection_kwargs["ssl_cert_reqs"] is ssl.CERT_NONE
