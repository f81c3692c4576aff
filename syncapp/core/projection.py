"""What counts as the content of a document: the only definition.

Whoever hashes, compares, writes or verifies documents asks the projection of their collection's policy. Today sync
carries every document as a whole; a rule that lets the sides keep something for themselves would be another projection.
"""

from __future__ import annotations

from syncapp.core.content import content_hash


class Projection:
    """The whole document."""

    # Not wrapped in a method: it is asked twice a change
    content = staticmethod(content_hash)
    """16 bytes that stand for what is synchronised of a document; None: absent."""

    def same(self, one: bytes | None, other: bytes | None) -> bool:
        """Is what is synchronised of two documents the same bytes?"""
        return one == other

    def carried(self, source: bytes | None, target: bytes | None) -> bytes | None:
        """What the target's document becomes when the source's version is brought there."""
        return source


WHOLE = Projection()
