"""One side of the shop. Each branch changes only its own documents, so that conflicts
are created on purpose, not by accident."""

from __future__ import annotations

import random
from collections.abc import Callable

from pymongo.database import Database

from syncapp.demo import samples
from syncapp.demo.samples import Document

MAX_ORDERS = 200  # of each branch
MAX_SESSIONS = 30


class Branch:
    """`channel` is the name that its documents carry."""

    def __init__(self, database: Database[Document], channel: str, dice: random.Random) -> None:
        self.orders, self.sessions = database["orders"], database["sessions"]
        self.menu, self.tables = database["menuitems"], database["tables"]
        self.channel, self.dice = channel, dice

    def acts(self) -> list[tuple[Callable[[], None], int]]:
        """The operations of this side, with their relative frequencies."""
        return [
            (self.place_order, 5),
            (self.move_order_on, 5),
            (self.rewrite_order, 1),
            (self.cancel_order, 1),
            (self.log_in, 1),
            (self.log_out, 1),
        ]

    def act(self) -> None:
        acts, weights = zip(*self.acts(), strict=True)
        self.dice.choices(acts, weights)[0]()

    def place_order(self) -> None:
        if self.orders.count_documents({"channel": self.channel}) >= MAX_ORDERS:
            self.orders.find_one_and_delete({"channel": self.channel}, sort=[("placedAt", 1)])
        else:
            self.orders.insert_one(samples.order(self.dice, self.channel))

    def move_order_on(self) -> None:
        if found := self._any_order({"state": {"$ne": samples.ORDER_STATES[-1]}}):
            change = {"state": samples.next_state(found["state"]), "changedAt": samples.now()}
            self.orders.update_one({"_id": found["_id"]}, {"$set": change})

    def rewrite_order(self) -> None:
        if found := self._any_order():
            self.orders.replace_one(
                {"_id": found["_id"]}, samples.order(self.dice, self.channel) | {"_id": found["_id"]}
            )

    def cancel_order(self) -> None:
        if found := self._any_order({"state": samples.ORDER_STATES[0]}):
            self.orders.delete_one({"_id": found["_id"]})

    def log_in(self) -> None:
        if self.sessions.count_documents({"channel": self.channel}) < MAX_SESSIONS:
            self.sessions.insert_one(samples.session(self.dice, self.channel))
        else:
            self.log_out()

    def log_out(self) -> None:
        self.sessions.find_one_and_delete({"channel": self.channel}, sort=[("expiresAt", 1)])

    def _any_order(self, condition: Document | None = None) -> Document | None:
        some = [{"$match": {"channel": self.channel, **(condition or {})}}, {"$sample": {"size": 1}}]
        return next(iter(self.orders.aggregate(some)), None)


class Till(Branch):
    """The local side: it has the tables."""

    def open(self) -> None:
        if not self.tables.count_documents({}):
            self.tables.insert_many([samples.table(number) for number in range(samples.TABLES)])

    def acts(self) -> list[tuple[Callable[[], None], int]]:
        return [*super().acts(), (self.seat_or_free, 3)]

    def seat_or_free(self) -> None:
        chosen = samples.table(self.dice.randrange(samples.TABLES))["_id"]
        taken = {"$set": {"taken": {"$not": "$taken"}, "since": "$$NOW"}}
        self.tables.update_one({"_id": chosen}, [taken])


class HeadOffice(Branch):
    """The Atlas side: it has the menu, and the orders from the web."""

    def open(self) -> None:
        if not self.menu.count_documents({}):
            self.menu.insert_many([samples.menu_item(number) for number in range(len(samples.DISHES))])

    def acts(self) -> list[tuple[Callable[[], None], int]]:
        return [*super().acts(), (self.change_menu, 2)]

    def change_menu(self) -> None:
        number = self.dice.randrange(len(samples.DISHES))
        cents = samples.DISHES[number][2] + self.dice.randint(-10, 10) * 10
        change = {"price": samples.money(cents), "available": self.dice.random() < 0.9}
        self.menu.update_one({"_id": number + 1}, {"$set": change})
