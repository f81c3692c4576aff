"""What the product's API says of one device, asked as its web process answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.support.device import Device

ROOT = "/api/sync/bidirectional"
# One process answers all: starting one takes seconds
_ASK = """
import json, pathlib
from django.test import Client
def get(path):
    answer = Client().get(path, HTTP_HOST="localhost")
    assert answer.status_code in (200, 503), (path, answer.status_code, answer.content[:500])
    return json.loads(answer.content)
def every(path):
    found, page = [], 1
    while True:
        part = get(path + ("&" if "?" in path else "?") + f"page_size=500&page={{page}}")
        found += part["results"]
        if part["next"] is None:
            return found
        page += 1
root = {root!r}
answers = {{
    "health": get(root + "/health"),
    "halts": get(root + "/halts")["results"],
    "exclusions": get(root + "/exclusions")["results"],
    "rejected": every(root + "/rejected"),
    "waiting": every(root + "/conflicts?waiting=true"),
}}
# The listener looks once a minute which are refused: this is what it will say then
if {soon!r}:
    from syncapp.services.databases import database
    from syncapp.core.values import Side
    from syncapp.rules.refusals import refusals
    with database(Side.LOCAL, "fuzz") as local, database(Side.ATLAS, "fuzz") as atlas:
        answers["health"]["refusedCollections"] |= refusals(local, atlas)
pathlib.Path({path!r}).write_text(json.dumps(answers))
"""

# As an operator does who has thought about each
_ANSWER = """
import json, random
from django.contrib.auth.models import User
from django.test import Client
user = User.objects.filter(username="fuzz").first() or User.objects.create_superuser("fuzz")
client, rng = Client(), random.Random({seed})
client.force_login(user)
for halt in client.get({root!r} + "/halts", HTTP_HOST="localhost").json()["results"]:
    if halt["answer"] is None:
        body = json.dumps({{"id": halt["id"], "answer": rng.choice(sorted(halt["answers"]))}})
        answer = client.post(
            {root!r} + "/halts/answer", body, content_type="application/json", HTTP_HOST="localhost"
        )
        assert answer.status_code == 200, (halt, answer.status_code, answer.content[:500])
"""


@dataclass(frozen=True)
class Named:
    """Everything that the API says about why the sides may differ."""

    health: dict[str, Any]
    halts: tuple[dict[str, Any], ...]
    refused: dict[str, str]  # collection → why
    excluded: tuple[str, ...]  # patterns
    documents: dict[tuple[str, str], str]  # collection, _id as JSON → rejected, or needs manual resolution

    @property
    def busy(self) -> str:
        """What is still under way."""
        size = self.health["syncWorker"]["queueSize"]
        if size:
            return f"{size} keys are pending"
        if any(halt["answer"] for halt in self.halts):
            return "an answer to a halt is carried out"
        return "a comparison runs" if self.health["comparisons"] else ""


def answer_halts(device: Device, seed: int) -> None:
    """Each as the seed draws it. Raises RuntimeError if an answer is refused."""
    device.console.run(_ANSWER.format(root=ROOT, seed=seed))


def ask(device: Device, soon: bool) -> Named:
    """`soon`: as it will be within a minute. Raises RuntimeError if it does not answer."""
    path = device.home / "answers.json"
    device.console.run(_ASK.format(root=ROOT, path=str(path), soon=soon))
    answers = json.loads(path.read_text())
    rejected = {_key(one): f"rejected: {one['reason'][:150]}" for one in answers["rejected"]}
    waiting = {_key(one): "needs manual resolution" for one in answers["waiting"]}
    return Named(
        health=answers["health"],
        halts=tuple(answers["halts"]),
        refused=answers["health"]["refusedCollections"],
        excluded=tuple(one["pattern"] for one in answers["exclusions"]),
        documents={**rejected, **waiting},
    )


def _key(one: dict[str, Any]) -> tuple[str, str]:
    return one["collection"], json.dumps(one["documentId"], sort_keys=True)
