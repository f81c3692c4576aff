"""`manage.py sync_halts`: halts that wait for an operator, and the operator's answer."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django.core.management.base import CommandError, CommandParser

from syncapp.core.text.one_line import one_line
from syncapp.core.text.plain_ids import shorter
from syncapp.core.text.typed_ids import id_to_type
from syncapp.management.command import SyncCommand
from syncapp.services import halts
from syncapp.store.halts import Halt


class Command(SyncCommand):
    help = (
        "List halts with their possible answers; `answer ID ANSWER` gives one. "
        "Exit status of the list: 0 nothing is halted, 1 answers are being carried out, 2 an answer is missing."
    )
    refused = 2  # 1 means something else
    examples = {
        "": "the halts and their possible answers",
        "answer mass-delete:local:orders bring-back": "answer one of them",
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument(
            "answer", nargs="*", metavar="answer ID ANSWER", help="answer the halt of this id"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["answer"]
        if given and (given[0] != "answer" or len(given) != 3):
            raise CommandError("Give no argument, or: answer ID ANSWER")
        found = [halts.answer(given[1], given[2])] if given else halts.show()
        if options["json"]:
            documents = [halt.as_document() for halt in found]
            self.stdout.write(json.dumps(documents[0] if given else documents, indent=2, default=str))
        elif given:
            self.stdout.write(f"Answered: {found[0].answer}. The listener carries it out.")
        else:
            self.stdout.write("\n\n".join(map(self.text, found)) or "Nothing is halted.")
        if found and not given:
            raise SystemExit(1 if all(halt.answer for halt in found) else 2)

    @staticmethod
    def text(halt: Halt) -> str:
        lines = [f"{one_line(halt.id)}   since {halt.at:%Y-%m-%d %H:%M:%S} UTC", f"  {one_line(halt.detail)}"]
        if halt.samples:
            lines.append(
                f"  For instance: {', '.join(shorter(id_to_type(one), 200) for one in halt.samples)}"
            )
        if halt.answer:
            lines.append(f"  Answered: {halt.answer}. The listener carries it out.")
        else:
            answers = halt.as_document()["answers"]
            lines += [f"  {name:<11} {text}" for name, text in answers.items()]
            lines.append(
                f"  → manage.py sync_halts answer {shlex.quote(one_line(halt.id))} {' | '.join(answers)}"
            )
        return "\n".join(lines)
