"""What the wizard says of what it found and wrote: only what is so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncapp.conf.env_lines import without_effect
from syncapp.core.rule.exclusions import Exclusions
from syncapp.core.values import Side
from syncapp.doctor.examine import Line
from syncapp.doctor.values import NAMES, Level
from syncapp.first_run.effect import documents
from syncapp.first_run.preview import Preview
from syncapp.rules.environment import InForce
from syncapp.store.first_run import Report
from syncapp.wizard.env_file import ENABLED, EXCLUDED
from syncapp.wizard.present import Present

CHOICE = "nothing is written on either side until you choose what to keep (manage.py sync_initial)"
MAY_BE_MORE = "Not all was compared: there may be more"


def is_known(line: Line, asked: Side) -> bool:
    """Was it said when the other side was asked?"""
    other = NAMES[asked.other]
    return (
        line.check == "connections" and line.finding.level is Level.OK and line.finding.text.startswith(other)
    )


def about_file(present: Present) -> Iterator[str]:
    """`.env` as it was."""
    for wrong in present.wrong.values():
        yield wrong.why
    yield from without_effect(present.text, present.path.name)


def what_the_first_run_does(found: Preview) -> Iterator[str]:
    report = found.report
    if found.cut_short:
        names = ", ".join(f"{name} (about {size:,})" for name, size in sorted(found.cut_short.items()))
        yield f"Compared in part only, for lack of time: {names}. The first run compares everything"
    if not report.differs:
        yield (
            MAY_BE_MORE
            if found.cut_short
            else "Both sides hold the same: the first run copies nothing and asks nothing"
        )
    elif report.one_side_empty and not found.cut_short:
        yield _copy(report)
    else:
        yield f"Both sides hold documents of their own: {CHOICE}"


def _copy(report: Report) -> str:
    counts = report.to_decide
    if counts.only_local:
        return f"The first run copies {documents(counts.only_local)} to Atlas, and asks nothing"
    return (
        f"The first run asks nothing. {documents(counts.only_atlas)} of Atlas"
        " are copied to the local database as soon as sync is enabled"
    )


def about_exclusions(patterns: Collection[str], found: Preview | None) -> Iterator[str]:
    if found is None:
        return
    for pattern in patterns:
        one = Exclusions.of([pattern])
        for name, counts in found.report.collections.items():
            if one.excludes(name) and counts.different:
                yield (
                    f"{name} is excluded, and its sides differ in {documents(counts.different)}: the first run sends the local versions to"
                    " Atlas, and keeps Atlas's in the list of conflicts. Do not exclude it if Atlas's edits count"
                )


def about_start(values: Mapping[str, str], taken: Mapping[str, InForce], running: bool) -> Iterator[str]:
    """`taken`: for the settings as they are written now; empty before the first start."""
    enabled = values[ENABLED]
    if not taken:
        yield "Sync starts one-way, local to Atlas: two-way sync is disabled until you enable it"
    else:
        enabled = taken[ENABLED].next or taken[ENABLED].text
        if enabled == "false":
            yield "Two-way sync is disabled" + (" from the next start on" if taken[ENABLED].next else "")
        elif values[ENABLED] == "false":
            yield (
                f"Two-way sync stays enabled: it was enabled at run time, and {ENABLED}=false stood in .env at the last start"
                " too, so that the line changes nothing. `manage.py sync_toggle off` disables it"
            )
        else:
            yield "Two-way sync stays enabled, as .env said before"
        yield from _about_taken_exclusions(values[EXCLUDED], taken[EXCLUDED])
    if running:
        yield "Isthmus is running: stop it (Ctrl-C) and start it again for the new values"


def _about_taken_exclusions(written: str, taken: InForce) -> Iterator[str]:
    later = set((taken.next or taken.text).split(","))
    if later != set(written.split(",")):
        yield (
            f"Excluded stays {','.join(sorted(later))}, as it was set at run time: .env said {written} at the last start too."
            " `manage.py sync_exclusions add` and `remove` change it"
        )


def next_commands(found: Preview | None) -> list[tuple[str, str]]:
    """What to type now, and what for."""
    asks = found is not None and found.report.differs and not found.report.one_side_empty
    return [
        ("make run", "start everything on this machine"),
        ("manage.py sync_initial", "in another terminal: what differs, and what to keep")
        if asks
        else ("manage.py sync_status", "in another terminal: is all well"),
        ("manage.py sync_toggle on", "two-way, when you are ready"),
    ]
