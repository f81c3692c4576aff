"""Django's settings for tests: a SYNC_HOME of their own, and nothing of the developer's environment."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from syncapp.conf.settings import SETTINGS

_home = tempfile.mkdtemp(prefix="isthmus-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _setting in SETTINGS:
    # Empty means "not set", and keeps a developer's .env from being read into its place
    os.environ[_setting.name] = ""
    os.environ.pop(f"{_setting.name}_FILE", None)
os.environ["SYNC_HOME"] = _home
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")

from syncproject.settings import *  # noqa: E402, F403
from syncproject.settings import DATABASES  # noqa: E402

# A file, not memory: threads and WAL behave as they do in production
if not os.environ["DATABASE_URL"]:
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_home) / "tests.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # making users is quick
