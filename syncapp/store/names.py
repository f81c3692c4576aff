"""The names of all of sync's own data in MongoDB. They are spelled only here."""

from __future__ import annotations

from syncapp.core.values import Side

PREFIX = "_sync_"

# In the local database; batches in Atlas's too
BASES = "_sync_bases"
BATCHES = "_sync_batches"
CONFLICTS = "_sync_conflicts"
DIRTY = "_sync_dirty"
HALTS = "_sync_halts"
METADATA = "_sync_metadata"
REJECTED = "_sync_rejected"
RUNS = "_sync_runs"
STATE = "_sync_state"
# In Atlas's only
DEVICES = "_sync_devices"

OWN = frozenset((BASES, BATCHES, CONFLICTS, DEVICES, DIRTY, HALTS, METADATA, REJECTED, RUNS, STATE))
SCRATCH = "_sync_doctor_"  # prefix of the doctor's temporary collections

# `_id`s in METADATA, each of one record
ANSWERED = "answered"  # before `:<side>:<collection>`
CLOCK_OFFSETS = "clock-offsets"
EXCLUSIONS = "exclusions"
FIRST_RUN = "first-run"
FORMAT = "format"
HEARTBEAT = "heartbeat"
INSTANCE = "instance"
LEASE = "lease"
OPLOGS = "oplogs"
OWED = "owed"
REFUSED = "refused"
REJECTED_BEHIND = "kept-behind"
REJECTED_EMPTIED = "kept-emptied"
RULES = "rules"
SELFTEST = "selftest"
STAND_BY = "stand-by"


def projection_name(projection: str) -> str:
    """The `_id` of what a projection leaves out, in METADATA."""
    return f"projection:{projection}"


def token_id(side: Side) -> str:
    """The `_id` of a side's resume token in METADATA."""
    return f"{side}-resume-token"
