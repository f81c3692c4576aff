"""`manage.py sync_conflicts`: conflicts: list and show them, restore losers, resolve those that wait, and try a strategy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from monitoring.versions import By, FieldPair, changed, compare
from syncapp.api.conflicts import ConflictHead
from syncapp.core.strategies import offered
from syncapp.core.text.one_line import one_line
from syncapp.core.values import Side
from syncapp.management.command import SyncCommand, row_id
from syncapp.management.rule_options import read_json
from syncapp.models import Conflict
from syncapp.services.conflict_selection import Restored, chosen, restore_all
from syncapp.services.conflicts import resolve, versions_of
from syncapp.services.resolution import Choice, seen_hashes
from syncapp.services.strategy_trial import Trial, checked_rule, try_strategy

CHANGED_BY = {
    By.NEITHER: "", By.LOCAL: " (changed here)", By.ATLAS: " (changed on Atlas)", By.BOTH: " (changed on both)"
}  # fmt: skip
FILTERS = ("id", "collection", "winner", "since", "until")
WHATS = ("list", "show", "restore", "resolve", "try")
LISTED = 100


class Command(SyncCommand):
    help = "List conflicts with the reason; restore losing versions, resolve those that need it, or try a strategy."
    examples = {
        "": "the newest conflicts, and why which version won",
        "show --id 12": "one, with both versions",
        "restore --id 12": "write the losing version as a new local change",
        "restore --collection orders --since 2026-03-01T12:00 --until 2026-03-01T13:00": "all of an hour",
        "resolve --id 12 --winner atlas": "decide one that needs manual resolution",
        """resolve --id 12 --fields '{"price": "local", "name": "atlas"}'""": "field by field",
        "try --strategy field-merge --collection orders": "what would have been decided; nothing is written",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", default="list", choices=WHATS)
        parser.add_argument("--id", type=row_id, action="append", metavar="N", help="as the list shows it")
        parser.add_argument("--collection", help="those of this collection")
        parser.add_argument(
            "--winner", choices=Conflict.Winner.values, help="a filter; of resolve: whose version wins"
        )
        parser.add_argument("--since", type=moment, metavar="TIME", help="such as 2026-03-01T12:00, in UTC")
        parser.add_argument("--until", type=moment, metavar="TIME", help="the same")
        parser.add_argument("--waiting", action="store_true", help="those that need manual resolution")
        parser.add_argument("--all", action="store_true", help="restore: every one")
        parser.add_argument("--fields", metavar="JSON", help="resolve: whose value each differing field gets")
        parser.add_argument(
            "--document", metavar="JSON", help="resolve: what both sides become, in extended JSON"
        )
        names = ", ".join(one.name for one in offered())
        parser.add_argument("--strategy", help=f"try: one of {names}")
        parser.add_argument("--rule", metavar="JSON", help='try: such as {"numbers": {"stock": "sum"}}')
        parser.add_argument("--json", action="store_true", help="for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["collection"] == "":
            raise CommandError("--collection is empty: name a collection, or leave it out")
        getattr(self, f"_{options['what']}")(options)

    def _list(self, options: Mapping[str, Any]) -> None:
        rows = selected(options)[:LISTED]
        if options["json"]:
            self.stdout.write(json.dumps([head(row) for row in rows], indent=2))
        elif not rows:
            self.stdout.write("No conflicts.")
        else:
            for row in rows:
                self.stdout.write(line(row))

    def _show(self, options: Mapping[str, Any]) -> None:
        row = one_of(options)
        hashes = {f"{side}Hash": text for side, text in seen_hashes(versions_of(row)).items()}
        versions = {"local": row.local_document, "atlas": row.atlas_document, "base": row.base_document}
        documents = {name: json.loads(text) if text else None for name, text in versions.items()}
        if options["json"]:
            fields = changed(*versions.values()) if row.base_document else None
            self.stdout.write(
                json.dumps({**head(row), **documents, "changedFields": fields, **hashes}, indent=2)
            )
            return
        self.stdout.write(line(row))
        for name, text in versions.items():
            missing = "not kept" if name == "base" else "deleted"
            self.stdout.write(f"    {name}: {one_line(text) if text else missing}")
        for text in differences(compare(*versions.values())):
            self.stdout.write(f"    {one_line(text)}")

    def _restore(self, options: Mapping[str, Any]) -> None:
        if not options["all"] and all(options[name] is None for name in FILTERS):
            raise CommandError("Choose with --id, --collection, --winner, --since or --until, or give --all")
        done: Restored = restore_all(selected(options))
        if options["json"]:
            refused = [{"id": pk, "reason": reason} for pk, reason in done.refused]
            self.stdout.write(json.dumps({"restored": done.restored, "refused": refused, "left": done.left}))
        else:
            self.stdout.write(f"{done.restored:,} version{'s' * (done.restored != 1)} restored.")
            for pk, reason in done.refused:
                self.stdout.write(f"{pk}: not restored: {one_line(reason)}")
            if done.left:
                self.stdout.write(f"{done.left:,} are left: repeat the command.")
        if done.refused:
            raise CommandError(f"{len(done.refused):,} could not be restored")

    def _resolve(self, options: Mapping[str, Any]) -> None:
        winner, fields = options["winner"], json_of(options, "fields")
        if winner not in (None, *Side) or any(side not in list(Side) for side in (fields or {}).values()):
            raise CommandError("Whose version or value is named by local or atlas")
        sides = None if fields is None else {name: Side(side) for name, side in fields.items()}
        choice = Choice(Side(winner) if winner else None, json_of(options, "document"), sides)
        row = resolve(one_of(options), choice)
        text = json.dumps(head(row)) if options["json"] else f"Resolved: {row.get_winner_display()}."
        self.stdout.write(text)

    def _try(self, options: Mapping[str, Any]) -> None:
        rule = checked_rule({**(json_of(options, "rule") or {}), "strategy": options["strategy"]})
        trials = try_strategy(selected(options), rule)
        if options["json"]:
            self.stdout.write(json.dumps([trial_document(one) for one in trials], indent=2))
            return
        for one in trials:
            text = one.error or one.because
            fields = ", ".join(f"{name}: {whose}" for name, whose in one.fields.items())
            mark = "*" if one.differs else " "
            self.stdout.write(
                f"{mark} {one.conflict.pk}  {one_line(str(one.conflict))}: {one.decided}  ({one_line(fields)})"
            )
            self.stdout.write(f"    {one_line(text)}")
        changed = sum(one.differs for one in trials)
        self.stdout.write(
            f"{changed:,} of {len(trials):,} would have been decided otherwise (*). Nothing was written."
        )


def moment(text: str) -> Any:
    """Raises ValueError."""
    found = parse_datetime(text)
    if found is None:
        raise ValueError(text)
    return make_aware(found) if is_naive(found) else found


def selected(options: Mapping[str, Any]) -> QuerySet[Conflict]:
    query = {name: options[name] for name in ("collection", "since", "until") if options[name] is not None}
    if options["id"]:
        query["ids"] = options["id"]
    if options["winner"] is not None:
        query["winner"] = options["winner"]
    if options["waiting"]:
        query["waiting"] = True
    return chosen(query)


def one_of(options: Mapping[str, Any]) -> Conflict:
    if len(options["id"] or ()) != 1:
        raise CommandError("Name one with --id")
    found = Conflict.objects.filter(pk=options["id"][0]).first()
    if found is None:
        raise CommandError(f"There is no conflict {options['id'][0]}")
    return found


def json_of(options: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    if options[name] is None:
        return None
    found = read_json(options[name], f"--{name}")
    if not isinstance(found, dict):
        raise CommandError(f"--{name} is a JSON object, in braces")
    return found


def line(row: Conflict) -> str:
    who = "Merged" if row.merged else row.get_winner_display()
    state = ", restored" if row.restored_at else ""
    return f"{row.pk}  {row.at:%Y-%m-%d %H:%M:%S} UTC  {one_line(str(row))}  {who}{state}\n    {one_line(row.because or row.strategy)}"


def differences(pairs: Iterable[FieldPair]) -> Iterator[str]:
    """A line for each field that differs: who has changed it, from what to what."""
    for pair in pairs:
        if pair.differs:
            local, atlas = ("absent" if one is None else one for one in (pair.local, pair.atlas))
            values = f"local {local}, Atlas {atlas}"
            if pair.based:
                values = f"{values}, base {'absent' if pair.base is None else pair.base}"
            yield f"{pair.name}: {values}{CHANGED_BY[pair.by]}"


def head(row: Conflict) -> dict[str, Any]:
    """As the API has it."""
    return dict(ConflictHead(row).data)


def trial_document(one: Trial) -> dict[str, Any]:
    document = json.loads(one.document) if one.document else None
    return {
        "id": one.conflict.pk, "decided": one.decided, "differs": one.differs, "strategy": one.strategy,
        "because": one.because, "fields": one.fields, "document": document, "error": one.error,
    }  # fmt: skip
