"""The Django project: settings, URLs, and the Celery application."""

import sys

from syncapp.conf.settings import SettingsError, get_settings

try:
    get_settings().make_home()
except SettingsError as error:  # here, since Celery and gunicorn would show a traceback, and restart for ever
    print(error, file=sys.stderr)
    raise SystemExit(2) from None

from syncproject.celery import app as celery_app

__all__ = ["celery_app"]
