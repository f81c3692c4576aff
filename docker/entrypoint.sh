#!/bin/sh
# Stop with one line for a wrong or missing setting, instead of restarting for ever.
set -e
python -c "
import sys
from syncapp.conf.settings import SettingsError, get_settings
try:
    get_settings().require('MONGODB_URI', 'MONGODB_ATLAS_URI', 'CELERY_BROKER_URL')
except SettingsError as error:
    sys.exit(str(error))
"
# exec: signals reach the process itself, so that a stop is a clean one
exec "$@"
