"""What counts as the content of a document: the only definition.

Whoever hashes, compares, writes or verifies documents asks the projection of their collection's policy. Without a rule
that is the whole document; own fields (own_fields.py) are another projection. Hashes of two projections cannot be compared: a
state says which one it was made under.
"""

from __future__ import annotations

from syncapp.core.content import content_hash


class Projection:
    """The whole document."""

    id = ""  # that states name it by
    paths: tuple[str, ...] = ()  # of what is left out

    # Not wrapped in a method: it is asked twice a change
    content = staticmethod(content_hash)
    """16 bytes that stand for what is synchronised of a document; None: absent."""

    def bare(self, document: bytes | None) -> bytes | None:
        """What is synchronised of a document."""
        return document

    def same(self, one: bytes | None, other: bytes | None) -> bool:
        """Is what is synchronised of two documents the same bytes?"""
        return one == other

    def carried(self, source: bytes | None, target: bytes | None) -> bytes | None:
        """What the target's document becomes when the source's version is brought there."""
        return source


WHOLE = Projection()
