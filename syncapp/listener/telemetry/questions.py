"""Answers what is asked about single keys of the queue, in Django's database. Nothing is looked for while nobody asks: the
statement by which the listener gives its sign of life says whether there is a question (`status.py`)."""

from __future__ import annotations

import datetime as dt

from syncapp.core.content import document_key
from syncapp.listener.queue.dirty_keys import DirtyKeys
from syncapp.models import QueueQuestion

KEPT = dt.timedelta(minutes=1)  # of one that asked and has ended before the answer came


def answer_questions(device: str, dirty: DirtyKeys, now: float) -> None:
    """`now`: of the queue's clock. Raises DatabaseError."""
    for one in QueueQuestion.objects.filter(instance_id=device):
        row = QueueQuestion.objects.filter(id=one.pk)
        if one.answer is None:
            found = dirty.whereabouts(document_key(one.collection, bytes(one.document_id_raw)), now)
            row.update(answer=found.as_document())
        elif one.asked_at < dt.datetime.now(dt.UTC) - KEPT:
            row.delete()
