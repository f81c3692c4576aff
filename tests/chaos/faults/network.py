"""A device's network to Atlas, to its database or to its broker is cut, swallows everything, or is slow."""

from __future__ import annotations

import random

from tests.chaos.device import LINKS
from tests.chaos.faults.fault import Fault, Kind
from tests.chaos.world import World


def network(what: str) -> Kind:
    def make(world: World, rng: random.Random) -> Fault:
        device, name = rng.choice(world.devices), rng.choice(LINKS)
        link = device.links[name]
        latency, rate = rng.uniform(0.02, 0.3), rng.choice([0.0, 200_000.0])
        begin = {"cut": link.cut, "black hole": link.black_hole, "slow": lambda: link.slow(latency, rate)}[
            what
        ]
        target = {"local": "local mongod", "atlas": "Atlas", "broker": "broker"}[name]
        return Fault(
            f"network to {target}: {what}",
            device.name,
            f"{device.name} link {name}",
            begin,
            rng.uniform(2, 25),
            link.heal,
        )

    return make
