"""The shop's sample documents, from a random number generator that a test can seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Decimal128, ObjectId

Document = dict[str, Any]

DISHES = (
    ("Margherita", "pizza", 890), ("Funghi", "pizza", 1050), ("Diavola", "pizza", 1120),
    ("Carbonara", "pasta", 1080), ("Arrabbiata", "pasta", 940), ("Lasagne", "pasta", 1190),
    ("Caprese", "salad", 780), ("Caesar", "salad", 920), ("Minestrone", "soup", 640),
    ("Tiramisu", "dessert", 590), ("Panna cotta", "dessert", 560), ("Affogato", "dessert", 520),
    ("Espresso", "drink", 240), ("Lemonade", "drink", 380), ("House red", "drink", 560),
    ("Sparkling water", "drink", 320),
)  # fmt: skip
TABLES = 12
ORDER_STATES = ("placed", "cooking", "served", "paid")
NAMES = ("Ada", "Bela", "Chen", "Dara", "Eno", "Femi", "Gita", "Hugo", "Ines", "Jun")


def now() -> datetime:
    return datetime.now(UTC)


def menu_item(number: int) -> Document:
    name, kind, cents = DISHES[number]
    return {"_id": number + 1, "name": name, "kind": kind, "price": money(cents), "available": True}


def table(number: int) -> Document:
    return {"_id": f"T{number + 1:02}", "seats": 2 + number % 3 * 2, "taken": False}


def order(dice: random.Random, channel: str) -> Document:
    lines = [
        {"item": dice.randrange(len(DISHES)) + 1, "count": dice.randint(1, 3)}
        for _ in range(dice.randint(1, 4))
    ]
    return {
        "_id": ObjectId(),
        "channel": channel,
        "customer": dice.choice(NAMES),
        "lines": lines,
        "total": money(sum(DISHES[line["item"] - 1][2] * line["count"] for line in lines)),
        "state": ORDER_STATES[0],
        "placedAt": now(),
    }


def session(dice: random.Random, channel: str) -> Document:
    return {
        "_id": f"{channel}-{dice.getrandbits(64):016x}",
        "channel": channel,
        "user": dice.choice(NAMES),
        "expiresAt": now() + timedelta(minutes=30),
    }


def money(cents: int) -> Decimal128:
    return Decimal128(f"{cents // 100}.{cents % 100:02}")


def next_state(state: str) -> str:
    return ORDER_STATES[min(ORDER_STATES.index(state) + 1, len(ORDER_STATES) - 1)]
