"""Django's own check of a deployment finds nothing with the settings of a device behind a TLS proxy."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import manage


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    settings = {
        "DJANGO_ALLOWED_HOSTS": "sync.example.com",
        "DJANGO_CSRF_TRUSTED_ORIGINS": "https://sync.example.com",
    }
    done = manage("check", "--deploy", "--fail-level", "INFO", home=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "no issues" in done.stdout
