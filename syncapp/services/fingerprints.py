"""Hashes of documents as they are shown: a hash of the content alone would let anybody who sees the rest of a document try
all values of a field that is not shown, a telephone number for instance."""

from __future__ import annotations

from django.utils.crypto import salted_hmac

from syncapp.core.values import ABSENT


def fingerprint(content: bytes) -> str:
    """The same for the same hash (core/content.py), on this device only: 32 hexadecimal digits, all 0 of an absent document."""
    if content == ABSENT:
        return content.hex()
    return salted_hmac("syncapp.fingerprint", content, algorithm="sha256").hexdigest()[: 2 * len(content)]
