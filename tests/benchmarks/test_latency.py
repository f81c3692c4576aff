"""Latency as `make bench` reports it: figures to read, since a loaded machine says little."""

from __future__ import annotations

from tests.benchmarks.latency import device_of_its_own, report


def test_latency() -> None:
    with device_of_its_own() as device:
        print("", *report(device, [20, 50], seconds=10), sep="\n")
