"""Many conflicts at once: their losers restored, and a strategy tried on them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.versions import parsed
from syncapp.api.common.fields import Text, Yes
from syncapp.api.common.views import SyncView
from syncapp.api.conflicts import ConflictFilter
from syncapp.api.rejected import MOST_IDS, Ids
from syncapp.core.strategies.callable import FAILED
from syncapp.process.described import extend_schema_view
from syncapp.services.access.roles import may_see_bodies
from syncapp.services.conflict_selection import chosen, restore_all
from syncapp.services.masked import Masks
from syncapp.services.strategy_trial import Trial, checked_rule, try_strategy


class ConflictSelection(ConflictFilter):
    """The conflicts that match all given filters."""

    least_properties = 1
    ids = Ids(required=False, min_length=1, max_length=MOST_IDS)
    all = Yes(required=False, help_text="Every conflict")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(f"no filter is given; allowed: {', '.join(self.fields)}")
        return attrs


class RefusedOut(serializers.Serializer):
    id = serializers.IntegerField()
    reason = serializers.CharField()


class RestoredOut(serializers.Serializer):
    restored = serializers.IntegerField()
    refused = RefusedOut(many=True)
    left = serializers.IntegerField(help_text="That match too: repeat the request")


@extend_schema_view(
    post=extend_schema(
        operation_id="restore_conflicts", request=ConflictSelection, responses=RestoredOut, tags=["conflicts"]
    )
)
class ConflictsRestore(SyncView):
    """Restores the losing versions of many conflicts, oldest first, each as a new local change, which sync pushes. Those that
    were restored already, or wait for a decision, are left out."""

    takes = {"POST": ConflictSelection}

    def post(self, request: Request) -> Response:
        done = restore_all(chosen(self.wanted), request.user)
        refused = [{"id": pk, "reason": reason} for pk, reason in done.refused]
        return Response({"restored": done.restored, "refused": refused, "left": done.left})


class TrialIn(ConflictFilter):
    """A strategy as a collection's rule has it, and filters."""

    ids = Ids(required=False, min_length=1, max_length=MOST_IDS)
    strategy = Text("the name of a strategy", max_length=50)
    numbers = serializers.DictField(child=Text("last, min, max or sum", max_length=10), required=False)
    arrays = serializers.DictField(required=False)
    resolver = Text("the dotted path of a Python callable", required=False, max_length=300)
    timestampField = Text("the path of a field", required=False, max_length=200)


class TrialOut(serializers.Serializer):
    id = serializers.IntegerField()
    collection = serializers.CharField()
    documentId = serializers.JSONField(help_text="Canonical extended JSON")
    recorded = serializers.CharField(help_text="Who won then")
    decided = serializers.CharField(help_text="local, atlas, merged or open")
    differs = serializers.BooleanField(help_text="Another decision than the recorded one")
    strategy = serializers.CharField()
    because = serializers.CharField()
    fields_ = serializers.DictField(
        child=serializers.CharField(), help_text="Whose value each differing field would have"
    )
    document = serializers.JSONField(
        help_text="Canonical extended JSON; null: deleted, open, or not to be seen by this login"
    )
    error = serializers.CharField(help_text="Why the strategy has no answer; empty: it has one")

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found


class TrialsOut(serializers.Serializer):
    results = TrialOut(many=True)


@extend_schema_view(
    post=extend_schema(operation_id="try_strategy", request=TrialIn, responses=TrialsOut, tags=["conflicts"])
)
class ConflictsTry(SyncView):
    """What a strategy would have decided about the newest recorded conflicts (100 at most). Nothing is written."""

    takes = {"POST": TrialIn}

    def post(self, request: Request) -> Response:
        rule = {name: self.wanted[name] for name in RULE if name in self.wanted}
        trials = try_strategy(chosen(self.wanted), checked_rule(rule))
        masks, bodies = Masks(request.user), may_see_bodies(request.user)
        return Response({"results": [shown(one, masks, bodies=bodies) for one in trials]})


RULE = ("strategy", "numbers", "arrays", "resolver", "timestampField")


def shown(trial: Trial, masks: Masks, *, bodies: bool) -> dict[str, Any]:
    """`bodies`: may the login see documents."""
    conflict = trial.conflict
    document = masks.document(conflict.collection, trial.document) if bodies else ""
    return {
        "id": conflict.pk,
        "collection": conflict.collection,
        "documentId": parsed(conflict.document_id),
        "recorded": "merged" if conflict.merged else conflict.winner,
        "decided": trial.decided,
        "differs": trial.differs,
        "strategy": trial.strategy,
        "because": masks.failure(conflict.collection, trial.strategy, trial.because),
        "fields": trial.fields,
        "document": parsed(document),
        "error": masks.failure(conflict.collection, FAILED, trial.error),
    }
