"""A real RabbitMQ in a folder of its own, from Debian's package: with its own epmd, node name, ports and data.

with started(RabbitMQ(folder), mortal=True) as server:
    url = server.uri(0)              # a CELERY_BROKER_URL: each device has a virtual host of its own
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

from amqp.exceptions import AMQPError
from kombu import Connection

from syncapp.embedded.ports import free_port
from syncapp.embedded.server import Server, ServerFailed
from syncapp.embedded.tether import tethered

READY_TIMEOUT = 300.0  # seconds; 6 on an idle machine, more than 60 were seen beside all other tests
TAKEN = ("could_not_start_listener", "is taken")
PASSWORD = "p@ss:word/%"  # what has to be quoted in a URI
QUOTED = "p%40ss%3Aword%2F%25"
SETTINGS = """\
listeners.tcp.1 = 127.0.0.1:{port}
load_definitions = {folder}/definitions.json
log.console = true
log.console.level = warning
log.file = false
disk_free_limit.absolute = 50MB
"""


def find_rabbitmq() -> str | None:
    """The server's script. Debian's on PATH becomes another user; this is what it calls."""
    packaged = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    return packaged if Path(packaged).exists() else shutil.which("rabbitmq-server")


def found_rabbitmq() -> str:
    found = find_rabbitmq()
    assert found is not None, "RabbitMQ was not found (on Debian: apt-get install rabbitmq-server)"
    return found


class RabbitMQ(Server):
    """Bound to 127.0.0.1 only."""

    name = "rabbitmq"

    def __init__(self, folder: Path, port: int | None = None, hosts: int = 3) -> None:
        """`hosts`: how many virtual hosts it has."""
        super().__init__(folder, port)
        self._hosts = [f"v{number}" for number in range(hosts)]
        self._names, self._distribution = free_port(), free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._may_move = port is None

    def uri(self, number: int, password: str = QUOTED) -> str:
        return f"amqp://isthmus:{password}@127.0.0.1:{self.port}/v{number}"

    def command(self) -> list[str]:
        return [*self._environment(), found_rabbitmq()]

    def control(self, *words: str) -> None:
        """What an operator tells it by rabbitmqctl."""
        program = Path(found_rabbitmq()).with_name("rabbitmqctl")
        command = [*self._environment(), str(program), "--quiet", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def _environment(self) -> list[str]:
        environment = {
            "HOME": self.folder,  # Erlang's cookie
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, instead of waiting for it
            "ERL_EPMD_PORT": self._names,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"isthmus{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq.conf",
            "RABBITMQ_GENERATED_CONFIG_DIR": self.folder / "config",
            "RABBITMQ_MNESIA_BASE": self.folder / "data",
            "RABBITMQ_LOG_BASE": self.folder,
            "RABBITMQ_PID_FILE": self.folder / "pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "plugins",
            "RABBITMQ_DIST_PORT": self._distribution,
            # Two schedulers: it would have one for each processor, which wait busily
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
        }
        return ["env", *(f"{name}={value}" for name, value in environment.items())]

    def start(self) -> None:
        """The first time at another port if somebody took it meanwhile: it listens late, tens of seconds on a busy machine."""
        try:
            self._start()
        except ServerFailed as error:
            taken = any(text in str(error) for text in TAKEN)
            if not (taken and self._may_move):
                raise
            self.kill()
            self._epmd, self.port = None, free_port()
            self._start()
        self._may_move = False

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(SETTINGS.format(port=self.port, folder=self.folder))
        (self.folder / "definitions.json").write_text(json.dumps(_definitions(self._hosts)))
        if self._epmd is None:
            names = ["epmd", "-port", str(self._names), "-address", "127.0.0.1"]
            self._epmd = subprocess.Popen(tethered(names), stdin=subprocess.DEVNULL)
        super().start()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not self._answers():
            self.check_alive(deadline)
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with Connection(self.uri(len(self._hosts) - 1), connect_timeout=2) as connection:
                connection.connect()
        except (OSError, AMQPError):
            return False
        return True

    def kill(self) -> None:
        """With the program that knows its name."""
        super().kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None


def _definitions(names: list[str]) -> dict[str, object]:
    everything = {"user": "isthmus", "configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [{"name": "isthmus", "password": PASSWORD, "tags": ""}],
        "vhosts": [{"name": name} for name in names],
        "permissions": [{"vhost": name, **everything} for name in names],
    }
