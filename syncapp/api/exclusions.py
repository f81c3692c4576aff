"""Excluded collections: they are not pulled from Atlas, and still go up."""

from __future__ import annotations

from django.core.exceptions import ValidationError as ModelError
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from syncapp.api.errors import wrong
from syncapp.api.fields import Pattern
from syncapp.models import ExcludedCollection
from syncapp.switches import exclude, include


class ExclusionIn(serializers.Serializer):
    pattern = Pattern(help_text="A collection's name, or a glob pattern")


class ExclusionOut(serializers.ModelSerializer):
    createdAt = serializers.DateTimeField(source="created_at")

    class Meta:
        model = ExcludedCollection
        fields = ("pattern", "createdAt")


class ExclusionList(serializers.Serializer):
    count = serializers.IntegerField()
    results = ExclusionOut(many=True)


def wanted_pattern(request: Request) -> str:
    given = request.data
    data = given if isinstance(given, dict) and "pattern" in given else request.query_params
    wanted = ExclusionIn(data=data)
    wanted.is_valid(raise_exception=True)
    return str(wanted.validated_data["pattern"])


@extend_schema_view(
    get=extend_schema(responses=ExclusionList, tags=["exclusions"]),
    post=extend_schema(request=ExclusionIn, responses={201: ExclusionOut}, tags=["exclusions"]),
    delete=extend_schema(
        parameters=[OpenApiParameter("pattern", str, description="Here or in the body")],
        responses={204: None},
        tags=["exclusions"],
    ),
)
class Exclusions(APIView):
    """Asking twice for the same is no error: what is so already is answered as if it were new."""

    def get(self, request: Request) -> Response:
        rows = ExclusionOut(ExcludedCollection.objects.all(), many=True).data
        return Response({"count": len(rows), "results": rows})

    def post(self, request: Request) -> Response:
        pattern = wanted_pattern(request)
        try:
            entry = exclude(pattern, request.user)
        except ModelError:
            raise wrong("pattern", pattern, Pattern.allowed) from None
        return Response(ExclusionOut(entry).data, status=status.HTTP_201_CREATED)

    def delete(self, request: Request) -> Response:
        pattern = wanted_pattern(request)
        if not include(pattern, request.user):
            raise NotFound(f"{pattern} is not among the excluded patterns")
        return Response(status=status.HTTP_204_NO_CONTENT)
