"""`manage.py sync_doctor`: are all prerequisites met, and how to fix what is not. Exit status 0, 1, 2:
no problems, warnings, something must be fixed."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import CommandParser

from syncapp.conf.settings import get_settings
from syncapp.doctor.examine import Line, as_document, examine, verdict
from syncapp.doctor.values import Level
from syncapp.management.command import SyncCommand

STYLES = {Level.OK: "SUCCESS", Level.NOTE: "HTTP_INFO", Level.WARNING: "WARNING", Level.FAILED: "ERROR"}

FIXES = "initiate the local server's replica set, and lower its transactionLifetimeLimitSeconds"


class Command(SyncCommand):
    help = (
        "Look at settings, servers, privileges, clocks, disks and oplogs, and say how to fix what is wrong."
    )
    examples = {
        "": "each line ✓ or ✗, ! for a warning, · for a note",
        "--json": "for scripts",
        "--fix": FIXES,
    }
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for scripts")
        parser.add_argument("--fix", action="store_true", help=FIXES)

    def handle(self, *args: Any, **options: Any) -> None:
        lines = []
        for line in examine(get_settings(), fix=options["fix"]):
            lines.append(line)
            if not options["json"]:
                self.show(line)
        if options["json"]:
            self.stdout.write(json.dumps(as_document(lines), indent=2, ensure_ascii=False))
        else:
            self.stdout.write(self.summary(lines))
        sys.exit(verdict(lines).exit_code)

    def show(self, line: Line) -> None:
        level = line.finding.level
        self.stdout.write(f"{getattr(self.style, STYLES[level])(level.mark)} {line.finding.text}")
        for step in line.finding.todo.splitlines():
            self.stdout.write(f"    → {step}")
        self.stdout.flush()

    @staticmethod
    def summary(lines: list[Line]) -> str:
        def count(level: Level) -> int:
            return sum(line.finding.level is level for line in lines)

        failed, warnings = count(Level.FAILED), count(Level.WARNING)
        if not failed and not warnings:
            return "All checks passed"
        return f"{failed} to fix, {warnings} warning{'s' * (warnings != 1)}"
