"""The documents in records, which not everybody may see who may see the records."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.versions import parsed
from syncapp.services.access.roles import may_see_bodies


class BodiesHidden(serializers.BooleanField):
    """Without the permission the documents are null, which else means that there is none."""

    def __init__(self) -> None:
        super().__init__(
            source="*",
            read_only=True,
            help_text="true: the login may not see documents (syncapp.see_bodies); they are null here",
        )

    def to_representation(self, value: Any) -> bool:
        return not may_see_bodies(self.context["request"].user)


class WithBodies:
    """For a serializer, before the others; its context needs the request."""

    context: dict[str, Any]

    def body(self, document: str) -> Any:
        """Canonical extended JSON. None: there is no document, or the login may not see it."""
        return parsed(document) if may_see_bodies(self.context["request"].user) else None
