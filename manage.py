#!/usr/bin/env python3
"""Django's command line, and every operator's command of the product."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncproject.settings")
    from django.db.utils import OperationalError, ProgrammingError

    from syncapp.conf import SettingsError, get_settings

    try:
        settings = get_settings()
        settings.make_home()
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except (OperationalError, ProgrammingError) as error:
        from syncapp.preparation import why_unusable

        print(why_unusable(error, settings), file=sys.stderr)
        return 1
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
