"""Whatever README and docs tell one to type is typed here, page by page, on a device with real servers.

What fails says so in what it writes; an exit status alone does not, since 1 may mean "they differ".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncapp.conf.settings import BASE_DIR
from syncapp.embedded.ports import free_port
from tests.integration.conftest import MakeDevice, Workshop
from tests.support.device import Device
from tests.support.documents import Block, all_blocks, joined
from tests.support.eventually import eventually
from tests.support.shell import Shell

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("typed_programs")]
# Whether this machine keeps the limits of latency now, beside the other tests, is no question about a page
FAILED = re.compile(
    r"ALERT|CommandError|Traceback|Unknown command|unrecognized|usage:|command not found|syntax error|No such file"
    r"|Not in order(?!: (performance|load)\n)|FAILED|jq: error|parse error|\"detail\"|Not done|No such container"
)
RUN = [block for block in all_blocks("sh", "cron") if block.is_run or block.language == "cron"]
PAUSE = re.compile(r"^sleep \d+\n", re.M)
# They begin with two databases that differ, one-way
FIRST_RUN = {"docs/first-run.md", "docs/migration/development.md", "docs/migration/production.md"}
# They take sync off, or bring a database back
OWN = {"docs/operations.md", "docs/migration/rollback.md"}


class Reader:
    """Whoever follows a page."""

    def __init__(self, device: Device, shell: Shell, folder: Path) -> None:
        self.device, self.shell, self.folder = device, shell, folder
        self.port = device.settings["PORT"]
        self.variables = {
            "LOCAL": device.settings["MONGODB_URI"],
            "ATLAS": device.settings["MONGODB_ATLAS_URI"],
            "TOKEN": "0123456789abcdef0123456789abcdef01234567",
            "PASSWORD": "a password of the tests",
        }

    def types(self, script: str) -> str:
        """What is written. A sleep takes as long as sync needs."""
        written = ""
        for part in PAUSE.split(self.adapted(script)):
            written += self.shell.run(part, **self.variables)
            self._wait()
        return written

    def _wait(self) -> None:
        device = self.device
        if not device.is_running("listener") or not device.is_running("worker"):
            return
        if device.rows("SELECT paused FROM syncapp_syncswitches")[0][0]:
            eventually(lambda: "paused=True" in device.lines("listener"), "it is paused")
        else:
            device.wait_until_idle(60)

    def adapted(self, script: str) -> str:
        """With the places of this device instead of those that the documents name."""
        for named, here in {
            "localhost:5000": f"127.0.0.1:{self.port}",
            "~/.isthmus.token": str(self.folder / "token"),
            "cd /opt/isthmus &&": "cd . &&",
            ".venv/bin/python manage.py": "python manage.py",
            ".sync/": f"{self.device.home}/",
            "/backups/": f"{self.folder}/backups/",
            "/mnt/": f"{self.folder}/mnt/",
            "rules.json": f"{self.folder}/rules.json",
        }.items():
            script = script.replace(named, here)
        script = re.sub(r"--seconds \d+", "--seconds 3", script)
        # The whole is typed where it is described, and tested by test_selftest.py: it takes most of a minute each time
        script = re.sub(r"sync_selftest$", "sync_selftest basic replication", script, flags=re.M)
        return re.sub(r"sync_selftest performance$", r"\g<0> --seconds 3", script, flags=re.M)


def write_data(device: Device, *, equal: bool) -> None:
    for name in ("orders", "bills", "customers", "menuitems"):
        documents = [{"_id": number, "total": number, "updatedAt": "2026-03-01"} for number in range(200)]
        device.local[name].insert_many(documents)
        device.atlas[name].insert_many(documents)
    for database in (device.local, device.atlas):
        database["sessions"].insert_one({"_id": 1})
    if not equal:
        device.atlas["orders"].update_one({"_id": 1}, {"$set": {"total": 9, "updatedAt": "2026-03-02"}})
        device.atlas["orders"].insert_one({"_id": "web"})


@contextmanager
def reading(device: Device, folder: Path) -> Iterator[Reader]:
    """Its web process and beat run, and an operator has a token."""
    device.launch("web", "beat")  # which the self-test asks
    shell = Shell(folder / "shell", device.home, device.settings)
    with shell.running():
        reader = Reader(device, shell, folder)
        (folder / "token").write_text(reader.variables["TOKEN"])
        (device.home / "admin_password").write_text(reader.variables["PASSWORD"])
        device.console.run(
            "from django.contrib.auth import get_user_model as model\n"
            "from rest_framework.authtoken.models import Token\n"
            f"user = model().objects.create_superuser('admin', 'a@example.com', {reader.variables['PASSWORD']!r})\n"
            f"Token.objects.create(user=user, key={reader.variables['TOKEN']!r})"
        )
        wait = f"curl -s http://127.0.0.1:{reader.port}/api/health >/dev/null"
        eventually(lambda: "FAILED" not in shell.run(wait), "the web process answers", 60, every=0.3)
        yield reader


@pytest.fixture(scope="module")
def shared(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Two-way, equal, and at work."""
    folder = tmp_path_factory.mktemp("reader")
    device = workshop.make(folder / "device", PORT=str(free_port()))
    try:
        with at_work(device, folder) as reader:
            yield reader
    finally:
        device.end()


@pytest.fixture
def own(make_device: MakeDevice, tmp_path: Path) -> Iterator[Reader]:
    """The same for one page alone, with a backup."""
    with at_work(make_device(PORT=str(free_port())), tmp_path) as reader:
        reader.types("python manage.py sync_backup --side both --out /backups/production")
        yield reader


@contextmanager
def at_work(device: Device, folder: Path) -> Iterator[Reader]:
    write_data(device, equal=True)
    device.launch("listener", "worker")
    device.wait_until_ready(60)
    with reading(device, folder) as reader:
        device.wait_until_settled(90)
        yield reader


@pytest.fixture
def first(make_device: MakeDevice, tmp_path: Path) -> Iterator[Reader]:
    """One-way, and the first run waits for a choice."""
    device = make_device(PORT=str(free_port()), BIDIRECTIONAL_SYNC_ENABLED="false")
    write_data(device, equal=False)
    device.launch("listener", "worker")
    device.wait_for_line("listener", "First run waits for the operator's choice", 60)
    device.wait_for_line("worker", " ready.", 60)
    with reading(device, tmp_path) as reader:
        yield reader


def conflict_that_waits(reader: Reader, script: str) -> str:
    """`manual` holds a conflict; the page calls it number 17."""
    device = reader.device
    device.console.switch(strategy="manual", paused=True)
    eventually(lambda: "paused=True" in device.lines("listener"), "it is paused")
    device.local["orders"].update_one({"_id": 5}, {"$set": {"total": 50}})
    device.atlas["orders"].update_one({"_id": 5}, {"$set": {"total": 51}})
    device.console.switch(paused=False)
    query = "SELECT id FROM syncapp_conflict WHERE winner = 'open' ORDER BY id DESC"
    eventually(lambda: bool(device.rows(query)), "a conflict waits")
    device.console.switch(strategy="last-write-wins")
    return script.replace("conflicts/17/", f"conflicts/{device.rows(query)[0][0]}/")


def rejected_change(reader: Reader, script: str) -> str:
    """A validator refuses a document; the page calls it number 12."""
    device = reader.device
    device.atlas.command("collMod", "bills", validator={"total": {"$lt": 1_000}})
    device.local["bills"].update_one({"_id": 3}, {"$set": {"total": 5_000}})
    query = "SELECT id FROM syncapp_rejectedchange ORDER BY id DESC"
    eventually(lambda: bool(device.rows(query)), "it is rejected")
    return script.replace("--id 12", f"--id {device.rows(query)[0][0]}")


def halt(reader: Reader, script: str) -> str:
    """More documents are gone than may go without a question."""
    reader.device.local["orders"].delete_many({})
    asks = "python manage.py sync_halts"
    eventually(lambda: "mass-delete:local:orders" in reader.shell.run(asks), "it asks", 40, every=0.5)
    return script


SCENES: dict[str, Callable[[Reader, str], str]] = {
    "conflicts/17/resolve": conflict_that_waits,
    "sync_rejected retry --id 12": rejected_change,
    "sync_halts answer mass-delete:local:orders": halt,
}


def type_block(reader: Reader, block: Block) -> None:
    script = block.text
    for part, scene in SCENES.items():
        if part in script:
            script = scene(reader, script)
    if block.language == "cron":
        script = "\n".join(line.split(maxsplit=5)[5] for line in joined(script))
    with stopped(reader.device, block.note == "stopped"):
        written = reader.types(script)
    print(f"--- {block}\n{written}")
    assert not FAILED.search(written), f"{block}\n{script}\n{written}"


@contextmanager
def stopped(device: Device, stop: bool) -> Iterator[None]:
    names = [name for name in ("listener", "worker") if stop and device.is_running(name)]
    if names:
        device.stop(*names)
    yield
    for name in names:
        device.launch(name)
    for name in names:  # from then on it ends in order
        device.wait_for_line(name, " ready." if name == "worker" else "Instance ID", 60)


# The lines of the older program's guide, with this product's address and folder; and what each must answer
AUTHORISED = '-H "Authorization: Token $TOKEN"'
API = "http://localhost:5000/api/sync/bidirectional"
OLD_LINES = {
    f"curl -s {API}/health | jq '.health' | grep -q 'healthy' && echo fine || echo not": r"^(fine|not)$",
    f"HEALTH=$(curl -s {API}/health); STATUS=$(echo $HEALTH | jq -r '.health'); echo $STATUS": r"^(healthy|degraded)$",
    f"curl -s {AUTHORISED} {API}/metrics | jq '.atlasToLocal.avgProcessTime'": r"^[\d.]+$",
    f"curl -s {AUTHORISED} {API}/metrics | jq '.atlasToLocal.failed'": r"^\d+$",
    f"curl -s {AUTHORISED} {API}/conflicts | jq '.totalConflicts'": r"^\d+$",
    'grep "Atlas change applied successfully" .sync/logs/app.log | tail -n 1': r"Change applied successfully",
    'grep "Sync operation" .sync/logs/app.log | tail -n 1': r"event_name=pushed",
    'grep "Instance ID" .sync/logs/app.log | tail -n 1': r"instance_id=[0-9a-f-]{36}",
    'grep -c "Conflict detected" .sync/logs/app.log': r"^\d+$",
    'grep -c "Retry attempt" .sync/logs/app.log': r"^\d+$",
    'grep -c "Sync loop detected" .sync/logs/app.log': r"^0$",
    "python manage.py sync_health; echo status $?": r"^SYNC (OK|WARNING) - .* \| lag=[\s\S]*^status [01]$",
}


def test_the_lines_of_the_older_guide_answer(shared: Reader) -> None:
    device = shared.device
    device.local["orders"].insert_one({"_id": "up"})
    device.atlas["orders"].insert_one({"_id": "down"})
    device.wait_until_equal(30)
    healthy = "python manage.py sync_health"
    eventually(
        lambda: "SYNC OK" in shared.types(healthy), "what pages before had rejected is old", 60, every=1
    )
    for line, answer in OLD_LINES.items():
        written = shared.types(line)
        assert re.search(answer, written, re.M), f"{line}\n{written}"


def test_the_lines_of_a_change_are_found_by_one_id(shared: Reader) -> None:
    """From its event in the listener to the write in a worker, and to the report."""
    device = shared.device
    device.local["orders"].insert_one({"_id": "one"})
    device.wait_until_equal(30)
    app_log = device.home / "logs" / "app.log"
    written = [line for line in app_log.read_text().splitlines() if "Sync operation" in line]
    task = re.search(r"task=([0-9a-f]{32})", written[-1])
    assert task
    eventually(
        lambda: "Batch reported" in shared.shell.run(f"grep -a {task[1]} {app_log}"), "it is reported", 10
    )
    lines = shared.shell.run(f"grep -a {task[1]} {app_log}").splitlines()
    names = [found[1] for line in lines if (found := re.search(r"event_name=(\w+)", line))]
    assert sorted(names) == ["batch_reported", "batch_sent", "pushed"]


def test_each_line_of_cron_speaks_when_nothing_answers_or_the_token_is_no_longer_valid(
    shared: Reader,
) -> None:
    """jq -e of 1.6 ends with 0 if it read nothing, and what is missing is less than any number."""
    [block] = [block for block in all_blocks("cron") if block.page == "docs/migration/monitoring.md"]
    curl = "unset -f curl\n"  # as cron has it
    lines = [curl + line.split(maxsplit=5)[5] for line in joined(block.text) if "localhost:5000" in line]
    token = shared.folder / "token"
    before, port = token.read_text(), shared.port
    try:
        token.write_text("0123")
        assert [line for line in lines if "ALERT" in shared.types(line)] == [
            line for line in lines if "isthmus.token" in line
        ]
        token.write_text(before)
        shared.port = str(free_port())
        for line in lines:
            assert "ALERT" in shared.types(line), line
    finally:
        token.write_text(before)
        shared.port = port


# Page by page


@pytest.mark.parametrize("page", sorted({block.page for block in RUN}))
def test_what_a_page_tells_one_to_type_works(page: str, request: pytest.FixtureRequest) -> None:
    reader: Reader = request.getfixturevalue(
        "first" if page in FIRST_RUN else "own" if page in OWN else "shared"
    )
    if page not in FIRST_RUN:  # the page before may have left it otherwise
        reader.device.console.switch(enabled=True, paused=False, strategy="last-write-wins")
    here = set(BASE_DIR.glob("[!._]*"))
    for block in RUN:
        if block.page == page:
            type_block(reader, block)
    assert set(BASE_DIR.glob("[!._]*")) == here, "a page wrote into the project"


@pytest.mark.parametrize(
    "line", ["python manage.py sync_nothing", "curl -s http://localhost:5000/api/no", "nothing --here"]
)
def test_what_does_not_exist_is_noticed(line: str, shared: Reader) -> None:
    assert FAILED.search(shared.types(line))
