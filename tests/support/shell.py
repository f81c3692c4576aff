"""A shell as whoever reads the documents has it, in a device's environment: `python manage.py`, `mongosh`, curl.

A command of manage.py takes seconds to start. Here a process that has loaded Django already forks for each, and the
command gets the caller's own input and output. `mongosh` understands what the documents write: `db.NAME.METHOD(…)`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from syncapp.conf.settings import BASE_DIR
from tests.support.processes import environment

CLIENT = """import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [json.dumps([{name!r}, *sys.argv[1:]]).encode()], [0, 1, 2])
    sys.exit(int(server.recv(8) or 70))
"""
# What fails must show, also in a pipeline; a sleep is the test's affair
PRELUDE = """
curl() {{
    case "$1" in -sf) ;; *) set -- --fail-with-body "$@" ;; esac
    command curl --show-error "$@" || echo "curl FAILED: $*" >&2
}}
cd {folder}
"""
CALL = re.compile(r"db\.(?:(?P<collection>\w+)\.)?(?P<method>\w+)\((?P<arguments>.*)\)$", re.S)


class Shell:
    def __init__(self, folder: Path, home: Path, settings: dict[str, str]) -> None:
        self._address = str(folder / "commands")
        self._programs = folder / "programs"
        self._environment = environment(home, **settings)
        self._programs.mkdir(parents=True)
        for name in ("python", "mongosh"):
            program = self._programs / name
            client = folder / f"{name}.py"
            client.write_text(CLIENT.format(address=self._address, name=name))
            # No first line that names the interpreter: its path may have spaces
            program.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -IS {quote(str(client))} "$@"\n')
            program.chmod(0o755)

    @contextmanager
    def running(self) -> Iterator[Shell]:
        command = [sys.executable, "-m", "tests.support.shell", self._address]
        with subprocess.Popen(command, env=self._environment, cwd=BASE_DIR, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            try:
                yield self
            finally:
                server.kill()

    def run(self, script: str, **variables: str) -> str:
        """Everything that it writes, in the order in which it was written. To each question the answer is yes."""
        path = f"{self._programs}:{self._environment['PATH']}"
        person, terminal = os.openpty()
        os.write(person, b"yes\n" * 3)
        try:
            done = subprocess.run(
                ["bash", "-c", PRELUDE.format(folder=quote(str(BASE_DIR))) + script],
                env={**self._environment, **variables, "PATH": path},
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
        finally:
            os.close(person)
            os.close(terminal)
        return done.stdout


def main(address: str) -> None:
    """Load Django, and fork for each call."""
    import django

    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that have ended
    import pymongo  # noqa: F401
    import rest_framework.views  # noqa: F401

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while True:
            caller, _ = server.accept()
            if os.fork() == 0:
                _child(caller)
            caller.close()


def _child(caller: socket.socket) -> None:
    """Do what was asked with the caller's input and output; never returns."""
    status = 70
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        message, files, _, _ = socket.recv_fds(caller, 1 << 20, 3)
        for number, file in enumerate(files):
            os.dup2(file, number)
        status = _status(json.loads(message))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(str(status).encode())
        os._exit(0)


def _status(words: list[str]) -> int:
    try:
        if words[0] == "mongosh":
            _mongosh(words[1:])
        else:
            assert words[1] == "manage.py", words
            sys.argv = words[1:]
            from django.core.management import execute_from_command_line

            execute_from_command_line(words[1:])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    return 0


def _mongosh(words: list[str]) -> None:
    import yaml
    from pymongo import MongoClient

    address, quiet, evaluate, text = words
    assert (quiet, evaluate) == ("--quiet", "--eval"), words
    call = CALL.match(text)
    assert call, text
    # What mongosh takes for objects is YAML's flow style, too
    arguments = yaml.safe_load(f"[{call['arguments']}]")
    with MongoClient[dict[str, Any]](address) as client:
        database = client.get_default_database()
        if call["method"] == "runCommand":
            print(database.command(arguments[0]))
        else:
            name = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", call["method"])
            target = database[call["collection"]]
            if name == "count_documents":
                arguments = arguments or [{}]
            answer = getattr(target, name)(*arguments)
            print("null" if answer is None else answer)


if __name__ == "__main__":
    main(sys.argv[1])
