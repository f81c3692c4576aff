"""What `make bench ARGS="…"` understands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from syncapp.conf.settings import PROFILES
from syncapp.core.values import Side

# What can be chosen with --only, and what it measures
GROUPS = {
    "basic": "drains of inserts, updates and deletes of 300 B",
    "hot": "a drain of updates of 100 documents",
    "mix": "a drain of all kinds of writes, some of hot documents",
    "large": "drains of inserts and updates of 64 KB",
    "live": "inserts, updates and deletes that are carried while they are made",
    "latency": "at steady rates",
    "workers": "drains with 1, 2 and 4 worker processes",
    "distance": "drains and latency with 20 and 100 ms to Atlas",
    "devices": "1, 3 and 6 devices on one Atlas",
    "streams": "what the change streams of many devices cost Atlas, and the arithmetic for 10, 100 and 1,000",
    "heartbeats": "what the heartbeats of 1, 20 and 60 idle devices cost Atlas beside their streams, and what they would if each look raised them",
    "first-run": "the first run of a device, and sync_verify",
    "idle": "CPU and memory of every process while nobody writes, in both profiles",
    "unique": "documents that exchange values of a unique index, or want one that is taken, and how long others wait",
    "urgency": "payments that go first, made while 200,000 changes of a collection that goes last wait",
    "rules": "the drains of basic under a filter and under field-merge, without conflicts",
    "pages": "latency without and with an open live page and 100 requests a second on the API",
    "profile": "what the listener and the workers spend their time on (py-spy; needs the right to look at processes)",
    "steps": "what each step of a transfer costs servers and engine",
}


@dataclass(frozen=True)
class Options:
    command: str
    groups: tuple[str, ...]
    sources: tuple[Side, ...]
    peers: tuple[str, ...]
    changes: int  # of a drain of small documents
    naive_changes: int  # a loop of 300 a second is measured with fewer
    documents: int  # of a first run
    runs: int
    rates: tuple[float, ...]
    rate_seconds: float
    idle_seconds: float
    workers: tuple[int, ...]
    devices: tuple[int, ...]
    streams: tuple[int, ...]
    stream_seconds: float
    beating: tuple[int, ...]  # devices
    round_trips: tuple[int, ...]  # beside none
    moved: tuple[int, ...]  # documents that exchange unique values
    refused: int  # whose unique value is taken
    waiting: int  # changes that go last
    profiles: tuple[str, ...]
    page_rates: tuple[float, ...]
    publish: bool


def read_options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=…",
        description="Measures the product and its baselines on real servers.",
        epilog="\n".join(f"{name:<10} {what}" for name, what in GROUPS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one run, 2,000 changes: a smoke test")
    size.add_argument("--full", action="store_true", help="100,000 changes and 200,000 documents")
    parser.add_argument("--only", default=",".join(GROUPS), help="what to measure, separated by commas")
    parser.add_argument("--from", dest="sources", default="local,atlas", help="where the writes are made")
    parser.add_argument(
        "--peers",
        default="product,limit,ceiling,naive",
        help="who is measured; small: the product with SYNC_PROFILE=small",
    )
    parser.add_argument("--changes", type=int, help="of a drain; default 20,000")
    parser.add_argument("--documents", type=int, help="of a first run; default 200,000")
    parser.add_argument("--runs", type=int, help="default 3")
    parser.add_argument("--profiles", default=",".join(PROFILES), help="of SYNC_PROFILE, for idle")
    parser.add_argument("--publish", action="store_true", help="write the figures into docs/performance.md")
    given = parser.parse_args(arguments)
    groups = tuple(given.only.split(","))
    unknown = set(groups) - set(GROUPS)
    if unknown:
        parser.error(f"--only knows {', '.join(GROUPS)}; not {', '.join(sorted(unknown))}")
    quick = given.quick
    changes = given.changes or (2_000 if quick else 100_000 if given.full else 20_000)
    return Options(
        command=f'make bench ARGS="{" ".join(arguments)}"' if arguments else "make bench",
        groups=groups,
        sources=tuple(Side(one) for one in given.sources.split(",")),
        peers=tuple(given.peers.split(",")),
        changes=changes,
        naive_changes=min(changes, 300 if quick else 1_000),
        documents=given.documents or (20_000 if quick else 200_000),
        runs=given.runs or (1 if quick else 3),
        rates=(50.0,) if quick else (50.0, 500.0),
        rate_seconds=4.0 if quick else 20.0,
        idle_seconds=10.0 if quick else 30.0,
        workers=(1, 2) if quick else (1, 2, 4),
        devices=(1, 3) if quick else (1, 3, 6),
        streams=(20,) if quick else (20, 100),
        beating=(1, 20) if quick else (1, 20, 60),
        stream_seconds=5.0 if quick else 10.0,
        round_trips=(100,) if quick else (20, 100),
        moved=(1_000,) if quick else (2_000, 5_000, 10_000),
        refused=1_000 if quick else 4_000,
        waiting=40_000 if quick else 200_000,
        profiles=tuple(given.profiles.split(",")),
        page_rates=(200.0,) if quick else (500.0, 5_000.0),
        publish=given.publish,
    )
