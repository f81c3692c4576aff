"""`manage.py sync_api_token create|list|revoke`: tokens of the API."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from syncapp.api.tokens import as_document
from syncapp.management.command import SyncCommand
from syncapp.services.access import api_tokens
from syncapp.services.access.api_tokens import DAYS, Listed
from syncapp.services.access.roles import ROLES, VIEWERS
from syncapp.services.errors import NotFound


class Command(SyncCommand):
    help = (
        "Create, list and revoke tokens of the API. A token acts as its user, may do no more than its role, and expires. "
        "The key is shown once."
    )
    examples = {
        "create prometheus --user admin": "one that may read, for 90 days; prints the key",
        "create deploy --user admin --role Operators --days 7": "one that may change things, for a week",
        "list": "all tokens, with their last use",
        "list --json": "the same for scripts",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=("create", "list", "revoke"))
        parser.add_argument(
            "name", nargs="?", default="", help="with create: what it is for; with revoke: its id"
        )
        parser.add_argument("--user", default="", help="with create: as whom it acts")
        parser.add_argument("--role", choices=ROLES, help=f"with create; {VIEWERS} if not given")
        parser.add_argument(
            "--days", type=int, help=f"with create: how long it is valid; {DAYS} if not given"
        )
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        what, name = options["what"], options["name"]
        if (what == "list") == bool(name):
            raise CommandError("create takes a name, revoke an id, list neither")
        if (what == "create") != bool(options["user"]):
            raise CommandError("create takes --user; the others do not")
        if what == "list":
            self.show(api_tokens.listed(), options["json"])
        elif what == "create":
            self.create(name, options)
        else:
            self.show([api_tokens.revoke(name)], options["json"])

    def create(self, name: str, options: dict[str, Any]) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise NotFound(f"There is no user {options['user']!r}", "user")
        days = DAYS if options["days"] is None else options["days"]
        token, key = api_tokens.create(owner, name, options["role"] or VIEWERS, days)
        if options["json"]:
            shown = {"token": key, "id": str(token.pk), "role": token.role, "expiresAt": token.expires_at}
            self.stdout.write(json.dumps(shown, indent=2, default=str))
        else:
            self.stdout.write(key)
            self.stderr.write(
                f"{token.role}, valid until {token.expires_at:%Y-%m-%d %H:%M} UTC. It is not shown again."
            )

    def show(self, found: list[Listed], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps([as_document(one) for one in found], indent=2, default=str))
        else:
            self.stdout.write("\n".join(map(_line, found)) or "No tokens.")


def _line(one: Listed) -> str:
    end = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at else "without an end"
    used = (
        f"last used {one.last_used_at:%Y-%m-%d %H:%M} UTC from {one.last_used_from}"
        if one.last_used_at
        else "never used"
    )
    used = used if one.role else "last use not known"
    return f"{one.id}  {one.state}  {one.hint}…  {one.role or 'all that the user may'}  {one.user}  {one.name}  {end}, {used}"
