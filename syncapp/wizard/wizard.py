"""The order of the wizard: addresses, what both sides hold, exclusions, `.env`. Nothing is written before the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from syncapp.compare.differences import shared_collections
from syncapp.conf.settings import SettingsError, SyncSettings
from syncapp.conf.types import WrongValue, collection_patterns, words
from syncapp.core.rule.exclusions import Exclusions, is_reserved
from syncapp.core.values import BOTH, Side
from syncapp.doctor.examine import Line, examine_servers
from syncapp.doctor.values import Level
from syncapp.first_run.preview import Preview, preview
from syncapp.mongo.error_text import says_what_fails
from syncapp.mongo.errors import SyncError
from syncapp.mongo.sides import connect_side
from syncapp.services.errors import NotPossible
from syncapp.store import first_run as first_run_record
from syncapp.store.first_run import State
from syncapp.store.names import METADATA
from syncapp.wizard import env_file, said, suggestions
from syncapp.wizard.addresses import settle
from syncapp.wizard.env_file import ATLAS, ENABLED, EXCLUDED, LOCAL
from syncapp.wizard.present import Present, in_force
from syncapp.wizard.questions import Ask
from syncapp.wizard.suggestions import Suggestion

VARIABLES = {Side.LOCAL: LOCAL, Side.ATLAS: ATLAS}
COMPARE_SECONDS = 30.0
NONE = "-"
# An empty list means "not set", which is the default one. This name is reserved, so that excluding it changes nothing
EXCLUDES_NOTHING = METADATA
Databases = Mapping[Side, Database[Any]]
Tell = Callable[[Line | Preview | Suggestion | str], None]  # shows it


@dataclass(frozen=True, slots=True)
class Given:
    """By options; `exclude`: None: to be asked."""

    uris: Mapping[Side, str]
    exclude: str | None = None


@dataclass(slots=True)
class Outcome:
    """What was found, and what stands in `.env` now. `preview` None: the first run is done, or a side did not answer."""

    values: dict[str, str] = field(default_factory=dict)
    written: bool = False
    lines: dict[Side, list[Line]] = field(default_factory=dict)  # of the last address that was tried
    preview: Preview | None = None
    suggestions: list[Suggestion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next: list[tuple[str, str]] = field(default_factory=list)  # command and what it does


class Wizard:
    def __init__(self, ask: Ask, tell: Tell, present: Present) -> None:
        self._ask, self._tell, self._present = ask, tell, present
        self._found = Outcome()
        self._passed: dict[Side, bool] = {}

    def run(self, given: Given) -> Outcome:
        """Raises NotPossible, in one line; KeyboardInterrupt and EOFError as they come. Then nothing was written."""
        found = self._found
        for note in said.about_file(self._present):
            self._note(note)
        for side in BOTH:
            self._settle(side, given.uris.get(side, ""))
        settings = self._present.settings(**found.values)
        taken = in_force(settings)
        patterns = _patterns_of(settings, taken)
        if all(self._passed.values()):
            self._look_at_both(settings, patterns, chosen=bool(taken or self._present.value(EXCLUDED)))
        else:
            self._note("What both sides hold is not known: it was not looked at")
        found.values[EXCLUDED] = self._exclusions(given.exclude, patterns)
        found.values[ENABLED] = self._enabled(bool(taken))
        self._write()
        found.next = said.next_commands(found.preview)
        return found

    def _settle(self, side: Side, given: str) -> None:
        present = self._present.value(VARIABLES[side])
        address, passed = settle(self._ask, side, given, present, self._try_out)
        self._found.values[VARIABLES[side]] = address
        self._passed[side] = passed

    def _try_out(self, side: Side, address: str) -> str:
        """The checks of this side, and those of both when the other one has passed. The first failure; empty: none."""
        other = self._found.values[VARIABLES[side.other]] if self._passed.get(side.other) else ""
        try:
            settings = self._present.settings(**{VARIABLES[side]: address, VARIABLES[side.other]: other})
        except SettingsError as error:
            self._tell(str(error))
            return str(error)
        lines = self._found.lines[side] = []
        for line in examine_servers(settings, wanted=lambda check: side in check.needs):
            if not said.is_known(line, side):
                lines.append(line)
                self._tell(line)
        failed = (line.finding for line in lines if line.finding.level is Level.FAILED)
        return next((" ".join(f"{one.text}. {one.todo}".split()) for one in failed), "")

    def _look_at_both(self, settings: SyncSettings, patterns: list[str], chosen: bool) -> None:
        """`chosen`: somebody has decided about exclusions before; then nothing is added to them by itself."""
        self._tell(f"Comparing both sides, for {COMPARE_SECONDS:.0f} seconds at most; nothing is written …")
        try:
            with ExitStack() as stack:
                databases = dict(_opened(settings, stack))
                self._compare(databases, patterns)
        except (PyMongoError, SyncError) as error:
            raise NotPossible(f"The comparison has failed: {error}") from None
        if chosen:
            self._found.suggestions = [replace(one, by_default=False) for one in self._found.suggestions]
        for one in self._found.suggestions:
            self._tell(one)

    def _compare(self, databases: Databases, patterns: list[str]) -> None:
        found, exclusions = self._found, Exclusions.of(patterns)
        if first_run_record.load(databases[Side.LOCAL]).state is State.DONE:
            self._note("The first run of this local database is done: it is not compared again")
            names = shared_collections(databases[Side.LOCAL], databases[Side.ATLAS])
        else:
            found.preview = preview(databases, exclusions, COMPARE_SECONDS)
            self._tell(found.preview)
            names = list(found.preview.report.collections)
        counts = found.preview.report.collections if found.preview else {}
        facts = suggestions.look(databases, (name for name in names if not exclusions.excludes(name)))
        found.suggestions = suggestions.judge(facts, counts)

    def _exclusions(self, given: str | None, patterns: list[str]) -> str:
        """As the line of `.env` has them."""
        offered = [*patterns, *(one.name for one in self._found.suggestions if one.by_default)]
        default = ",".join(offered) or NONE
        question = (
            f"Collections that are never pulled from Atlas (they still go up), by commas; {NONE} for none"
        )
        while True:
            text, given = given or self._ask.text(question, "--exclude", default), None
            chosen = () if text == NONE else words(text)
            try:
                collection_patterns(",".join(chosen))
            except WrongValue as wrong:
                self._ask.refuse(f"This cannot be excluded; allowed: {wrong}")
                continue
            for note in said.about_exclusions(chosen, self._found.preview):
                self._note(note)
            return ",".join(dict.fromkeys(chosen)) or EXCLUDES_NOTHING

    def _enabled(self, was_started: bool) -> str:
        """A device that works keeps its line; with other databases, or before the first start, sync begins disabled."""
        there = self._present.value(ENABLED)
        same = all(self._found.values[name] == self._present.value(name) for name in VARIABLES.values())
        return there if there and was_started and same else "false"

    def _write(self) -> None:
        found = self._found
        try:
            fresh = self._present.with_values(found.values)
            found.written = env_file.write(fresh.path, fresh.text)
        except env_file.NotWritable as wrong:
            raise NotPossible(f"An address cannot be written to .env; allowed: {wrong}") from None
        except OSError as error:
            raise NotPossible(f"{self._present.path} cannot be written: {error.strerror}") from None
        file = self._present.path.name
        self._note(
            f"{file} is written, and readable by its owner alone"
            if found.written
            else f"{file} stays as it was"
        )
        for note in said.about_start(found.values, in_force(fresh.settings()), self._present.running):
            self._note(note)

    def _note(self, text: str) -> None:
        self._found.notes.append(text)
        self._tell(text)


def _opened(settings: SyncSettings, stack: ExitStack) -> Iterator[tuple[Side, Database[Any]]]:
    for side, uri in ((Side.LOCAL, settings.mongodb_uri), (Side.ATLAS, settings.mongodb_atlas_uri)):
        try:
            database = connect_side(side, uri, "wizard")
        except PyMongoError as error:
            raise NotPossible(says_what_fails(side, error)) from None
        stack.callback(database.client.close)
        yield side, database


def _patterns_of(settings: SyncSettings, taken: Mapping[str, Any]) -> list[str]:
    """What is excluded now: at run time, else in `.env`, else by default. Reserved names are never synchronised
    anyway."""
    there = settings.bidirectional_excluded_collections
    now = taken[EXCLUDED].value if taken and set(taken[EXCLUDED].value) != set(there) else there
    return [one for one in now if not is_reserved(one)]
