"""A conflict that waits, as a person decides it: one version, field by field, or a document of his own.

What is neither version is written like a merge: in one local transaction the document, and the agreement on Atlas's version.
What is left is an ordinary push, which finds Atlas's version unchanged or meets an ordinary conflict.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import bson
from bson import json_util
from pymongo.database import Database

from syncapp.core import field_choice
from syncapp.core.content import canonical, content_hash, elements, repeats_a_name, wrap
from syncapp.core.rule.policy import Policy
from syncapp.core.values import BOTH, DocumentKey, Side
from syncapp.mongo.documents import DocumentWrite, ensure_collection, read_documents, write_documents
from syncapp.mongo.errors import ConnectionDown, TransientError
from syncapp.mongo.transaction import transaction, translated
from syncapp.rules.rules import load_rules
from syncapp.services.databases import local_database, refused_by
from syncapp.services.documents import MAX_BYTES, read_now
from syncapp.services.errors import NotPossible, Overtaken, WrongInput, wrong_value
from syncapp.services.fingerprints import fingerprint
from syncapp.services.native_writes import ATTEMPTS, CHANGED_MEANWHILE, LONGEST_SECONDS
from syncapp.store.projections import keep_projection
from syncapp.store.states import read_states, write_states

Versions = Mapping[Side, bytes | None]
OTHERS_SEEN = "The conflict's versions are not those that you saw: look at it again"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the three."""

    winner: Side | None = None
    document: Mapping[str, Any] | None = None  # extended JSON
    fields: Mapping[str, Side] | None = None  # dotted paths: whose value

    def __post_init__(self) -> None:
        count = sum(one is not None for one in (self.winner, self.document, self.fields))
        if not count:
            raise WrongInput("winner is missing; allowed: local, atlas", "winner")
        if count > 1:
            raise WrongInput("Give one of winner, document and fields")


def seen_hashes(versions: Versions) -> dict[Side, str]:
    """What names the versions that a person sees: hexadecimal hashes; of an absent document, zeros."""
    return {side: fingerprint(content_hash(versions[side])) for side in BOTH}


def check_seen(versions: Versions, seen: Mapping[Side, str]) -> None:
    """Raises Overtaken."""
    hashes = seen_hashes(versions)
    if any(hashes[side] != text.lower() for side, text in seen.items()):
        raise Overtaken(OTHERS_SEEN)


def document_of(choice: Choice, versions: Versions, key: DocumentKey) -> bytes:
    """What both sides shall hold. Raises WrongInput."""
    if choice.fields is not None:
        return _by_fields(versions, choice.fields)
    return _written(choice.document or {}, key)


def differing(versions: Versions) -> dict[str, field_choice.Path]:
    """Dotted paths of the fields that are not the same bytes on both sides, in their order."""
    return {
        field_choice.text_of(path): path
        for path in field_choice.differing(*(versions[side] for side in BOTH))
    }


def has_choices(versions: Versions) -> bool:
    """Can it be decided field by field? Not if a side has deleted it, or has two fields of one name."""
    return all(one is not None and not repeats_a_name(one) for one in versions.values())


def write_merged(key: DocumentKey, versions: Versions, document: bytes, process: str) -> None:
    """Raises Overtaken if a side holds another version by now; NotPossible or Unreachable."""
    if read_now(Side.ATLAS, process, key) != versions[Side.ATLAS]:
        raise Overtaken(CHANGED_MEANWHILE)
    with local_database(process) as local, refused_by(Side.LOCAL, "refuses the version"):
        policy = load_rules(local).policy(key.collection)
        if policy.check is not None and (reason := policy.check(document)):
            raise NotPossible(f"A validation rule does not allow this version: {reason}")
        with translated():
            keep_projection(local, policy.projection)
        for attempt in range(ATTEMPTS):
            try:
                with translated():
                    _write(local, key, versions, document, policy)
                return
            except TransientError as error:
                if isinstance(error, ConnectionDown) or attempt == ATTEMPTS - 1:
                    raise
            time.sleep(min(LONGEST_SECONDS, 0.01 * 2**attempt) * random.uniform(0.5, 1.0))


def _write(
    local: Database[Any], key: DocumentKey, versions: Versions, document: bytes, policy: Policy
) -> None:
    ensure_collection(local, key.collection)
    state = read_states(local, [key])[key]
    if state.intent is not None:
        raise Overtaken(
            CHANGED_MEANWHILE
        )  # a push is on its way: this is not the version that was decided about
    on_atlas = policy.projection.content(versions[Side.ATLAS])
    with transaction(local) as session:
        there = read_documents(local[key.collection], [key], session, MAX_BYTES).get(key)
        if there != versions[Side.LOCAL]:
            raise Overtaken(CHANGED_MEANWHILE)
        write_documents(local[key.collection], [DocumentWrite(key, there, document)], session)
        after = state.next(on_atlas, on_atlas)._replace(projection=policy.projection.id)
        write_states(local, [(key, state, after)], session)


def _written(document: Mapping[str, Any], key: DocumentKey) -> bytes:
    """Of extended JSON, with the document's own `_id`, first."""
    try:
        text = json.dumps(document)
        raw = bson.encode(json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS))
    except Exception as error:  # any error of a value that only looks like extended JSON
        raise WrongInput(f"document cannot be stored: {error}", "document") from error
    found = {name: bytes([kind]) + name + b"\0" + value for kind, name, value in elements(raw)}
    own, given = key.id_bson[4:-1], found.pop(b"_id", None)
    if given is not None and canonical(given[0], given[5:]) != key.identity:
        raise wrong_value("document", document, "a document with the same _id, or without one")
    return wrap(own + b"".join(found.values()))


def _by_fields(versions: Versions, choices: Mapping[str, Side]) -> bytes:
    local, atlas = (versions[side] for side in BOTH)
    if local is None or atlas is None:
        raise WrongInput("One side has deleted the document: choose a winner, or give a document", "fields")
    if not has_choices(versions):
        raise WrongInput(
            "Two fields of the document have one name: choose a winner, or give a document", "fields"
        )
    names = differing(versions)
    # A field, or one around it
    around = {path[:end] for path in names.values() for end in range(1, len(path) + 1)}
    known = {field_choice.text_of(path): path for path in around}
    if unknown := [name for name in choices if name not in known]:
        raise wrong_value("fields", unknown[0], f"fields that differ: {', '.join(names)}")
    chosen = {known[name]: side for name, side in choices.items()}
    for name, path in names.items():
        if field_choice.choice_at(path, chosen) is None:
            raise WrongInput(f"fields has no choice for {name!r}, in which both versions differ", "fields")
    return field_choice.by_choice(local, atlas, chosen)
