"""`GET document`: one document as it is at this moment on both sides."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.versions import parsed
from syncapp.api.common.fields import CollectionName, Name
from syncapp.api.common.permissions import BodyAccess
from syncapp.api.common.views import SyncView
from syncapp.core.text.extended_json import beyond, extended_id
from syncapp.process.described import extend_schema_view
from syncapp.services.documents import id_of_address, read_both
from syncapp.services.masked import Masks
from syncapp.services.reasons import Code, reasons_of

LONGEST_ID = 8_000  # characters: the web server takes lines of 8,190 (gunicorn.py)


class DocumentQuery(serializers.Serializer):
    collection = CollectionName()
    id = Name(
        "an _id in extended JSON",
        max_length=LONGEST_ID,
        help_text='Extended JSON, such as 5 or "a" with its quotes',
    )


class WhyOut(serializers.Serializer):
    code = serializers.ChoiceField(choices=[code.value for code in Code])
    text = serializers.CharField()


class DocumentOut(serializers.Serializer):
    equal = serializers.BooleanField(help_text="Byte for byte")
    local = serializers.JSONField(help_text="Canonical extended JSON; null: absent")
    atlas = serializers.JSONField(help_text="Canonical extended JSON; null: absent")
    reason = WhyOut(allow_null=True, help_text="Why the sides differ; null: they do not")


@extend_schema_view(get=extend_schema(parameters=[DocumentQuery], responses=DocumentOut, tags=["records"]))
class Document(SyncView):
    """One document on both sides, now, and why the two differ. It needs the permission to see documents."""

    permission_classes = [BodyAccess]
    asks = {"GET": DocumentQuery}
    refusals = {"GET": (403, 409)}

    def get(self, request: Request) -> Response:
        collection, id_bson = self.asked["collection"], id_of_address(self.asked["id"])
        found = read_both(collection, id_bson)
        reason = None
        if not found.equal:
            name = extended_id(id_bson)
            key = (collection, name, beyond(name, id_bson))
            why = reasons_of([key], [] if found.atlas else [key])[key]
            reason = {"code": why.code.value, "text": why.text}
        masks = Masks(request.user)
        local, atlas = (masks.document(collection, one) for one in (found.local, found.atlas))
        versions = {"local": parsed(local), "atlas": parsed(atlas)}
        return Response({"equal": found.equal, **versions, "reason": reason})
