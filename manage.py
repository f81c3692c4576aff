#!/usr/bin/env python3
"""Django's command line, and every operator's command of the product."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncproject.settings")
    from syncapp.conf.settings import SettingsError, get_settings

    try:
        if sys.argv[1:2] == ["sync_wizard"]:
            from syncapp.conf.settings import BASE_DIR
            from syncapp.wizard.unusable import set_aside

            set_aside(BASE_DIR / ".env")
        settings = get_settings()
        settings.make_home()
        if sys.argv[1:] == ["sync_run"]:
            from syncapp.embedded.first_look import first_look

            first_look(settings)
        from django.core.management import execute_from_command_line

        try:
            execute_from_command_line(sys.argv)
        finally:
            sys.stdout.flush()  # the interpreter's own flush would complain of a reader that has gone
    except SettingsError as error:
        if sys.argv[1:2] == ["sync_health"]:
            print(f"SYNC UNKNOWN - {error}")  # for Nagios 2 would mean that sync is critical
            return 3
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever reads it, such as head, has seen enough; so that the interpreter's last flush is silent
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        line = _what_is_away(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        return 1
    return 0


def _what_is_away(error: Exception) -> str | None:
    from django.db import DatabaseError, InterfaceError

    from syncapp.services.away import what_is_away

    line, reason = what_is_away(error), (str(error).strip() or type(error).__name__).splitlines()[0]
    if line and isinstance(error, DatabaseError | InterfaceError):
        return f"DATABASE_URL: {line} ({reason})"
    return line if line is None or reason in line else f"{line} ({reason})"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # here, since it may come while the first modules are loaded
        sys.exit(130)
