"""The page "First run": the comparison's result, three questions, a preview, and the progress."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from syncapp.admin.refusals import as_invalid, as_message, as_problem
from syncapp.core.initial_choice import InitialChoice
from syncapp.first_run.effect import documents, effect
from syncapp.models import ComparisonRun
from syncapp.rules.switches import get_switches
from syncapp.services import first_run
from syncapp.services.access.roles import may_operate, may_see
from syncapp.store.first_run import Counts, FirstRun, Report, State

NO_FIELD = "Which is newer? Name the field that holds the time of the last change, for instance updatedAt."
NAME, PROGRESS = "syncapp_first_run", "syncapp_first_run_progress"


class ChoiceForm(forms.Form):
    """Three questions. The labels of the answers give their effect in numbers of documents."""

    differing = forms.ChoiceField(widget=forms.RadioSelect)
    timestamp_field = forms.CharField(
        required=False, max_length=200, label="Field with the time of the last change"
    )
    only_atlas = forms.ChoiceField(widget=forms.RadioSelect)
    only_local = forms.ChoiceField(widget=forms.RadioSelect)
    confirmed = forms.BooleanField(required=False)

    def __init__(self, found: Counts, data: Any = None) -> None:
        super().__init__(data)
        for name, (question, answers) in questions(found).items():
            self.fields[name].label = question
            self.fields[name].choices = answers  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors:
            newest = values["differing"] == "newest"
            if newest and not values["timestamp_field"]:
                raise ValidationError({"timestamp_field": NO_FIELD})
            with as_invalid("timestamp_field"):
                values["choice"] = first_run.choice_of(
                    values["differing"],
                    values["only_atlas"],
                    values["only_local"],
                    values["timestamp_field"] if newest else "",
                )
        return values


def questions(found: Counts) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Field → question and answers."""
    differ, there, here = (documents(n) for n in (found.different, found.only_atlas, found.only_local))
    kept = "the other version is kept as a conflict, and can be restored"
    return {
        "differing": (
            f"{differ} on both sides, with different contents: which version wins?",
            [
                ("newest", f"The newer one, by a field of the documents; {kept}"),
                ("local", f"The local one: {differ} on Atlas overwritten; {kept}"),
                ("atlas", f"Atlas's: {differ} in the local database overwritten; {kept}"),
                ("manual", f"Decide one by one: {differ} stay unchanged until then"),
            ],
        ),
        "only_atlas": (
            f"{there} only on Atlas",
            [
                ("pull", f"Copy them to the local database: {there} inserted"),
                ("leave", "Leave them on Atlas; later changes there are copied"),
            ],
        ),
        "only_local": (
            f"{here} only in the local database",
            [
                ("push", f"Copy them to Atlas: {here} inserted"),
                ("leave", "Leave them here; later changes here are copied"),
            ],
        ),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """For staff with the view permission for the device; choosing needs the operator's permission."""
    operates = may_operate(request.user)
    _check(may_see(request.user, "syncapp.instance") and (operates or request.method != "POST"))
    context = {**admin.site.each_context(request), "title": "First run", **_found()}
    found = context.get("found")
    if found is not None and found.state is State.WAITING and found.report is not None:
        report = Report.of(found.report)
        form = ChoiceForm(report.to_decide, request.POST or None)
        context |= {"form": form, "may_operate": operates}
        if request.method == "POST" and form.is_valid() and "again" not in request.POST:
            choice = form.cleaned_data["choice"]
            if form.cleaned_data["confirmed"]:
                return _choose(request, choice)
            context |= {"preview": effect(report, choice).sentences, "two_way": get_switches().enabled}
    return render(request, "syncapp/first_run.html", context)


def progress(request: HttpRequest) -> HttpResponse:
    """The comparison's progress, as a fragment that the page polls."""
    _check(may_see(request.user, "syncapp.instance"))
    return render(request, "syncapp/first_run_progress.html", _found())


def _check(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied


def _found() -> dict[str, Any]:
    context: dict[str, Any] = {}
    with as_problem(context):
        found = first_run.show()
        run = ComparisonRun.objects.filter(kind=ComparisonRun.Kind.FIRST_RUN).first()
        context |= {"found": found, "state": found.state.value, "run": run, "rows": _rows(found)}
    return context


def _rows(found: FirstRun) -> list[dict[str, Any]]:
    if found.report is None:
        return []
    total = {"collection": "Total", "total": True, **found.report["total"]}
    numbers = ("equal", "different", "onlyLocal", "onlyAtlas")
    return [
        row | {name: f"{row[name]:,}" for name in numbers} for row in (*found.report["collections"], total)
    ]


def _choose(request: HttpRequest, choice: InitialChoice) -> HttpResponse:
    with as_message(request):
        first_run.choose(choice, request.user)
        messages.success(request, "Saved: the listener carries it out.")
    return HttpResponseRedirect(reverse(f"admin:{NAME}"))
