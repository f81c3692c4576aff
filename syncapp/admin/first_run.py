"""The page "First run": what both databases held, three questions, a preview, and how far it is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from syncapp.core.initial_choice import InitialChoice, WrongChoice
from syncapp.first_run.effect import documents, effect
from syncapp.models import ComparisonRun
from syncapp.rules.switches import get_switches
from syncapp.services import first_run
from syncapp.services.databases import LocalUnreachable
from syncapp.services.roles import OPERATE, may_see
from syncapp.store.first_run import Counts, FirstRun, Report, State

NAME, PROGRESS = "syncapp_first_run", "syncapp_first_run_progress"


class ChoiceForm(forms.Form):
    """Three questions. The labels of the answers say what each would do, to how many documents."""

    differing = forms.ChoiceField(widget=forms.RadioSelect)
    timestamp_field = forms.CharField(
        required=False, max_length=200, label="Field that says when a document was changed"
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
            try:
                values["choice"] = InitialChoice(
                    values["differing"],
                    values["only_atlas"],
                    values["only_local"],
                    values["timestamp_field"] if values["differing"] == "newest" else "",
                )
            except WrongChoice as error:
                self.add_error("timestamp_field", str(error))
        return values


def questions(found: Counts) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Field → question and answers."""
    differ, there, here = (documents(n) for n in (found.different, found.only_atlas, found.only_local))
    kept = "the other version is kept as a conflict, and can be restored"
    return {
        "differing": (
            f"{differ} on both sides, with different contents: which version counts?",
            [
                ("newest", f"The newer one, by a field of the documents; {kept}"),
                ("local", f"The local one: {differ} on Atlas overwritten; {kept}"),
                ("atlas", f"Atlas's: {differ} in the local database overwritten; {kept}"),
                ("manual", f"I decide one by one: {differ} stay as they are until then"),
            ],
        ),
        "only_atlas": (
            f"{there} only on Atlas",
            [
                ("pull", f"Copy them to the local database: {there} inserted"),
                ("leave", "Leave them on Atlas; one that is changed there later is copied then"),
            ],
        ),
        "only_local": (
            f"{here} only in the local database",
            [
                ("push", f"Copy them to Atlas: {here} inserted"),
                ("leave", "Leave them here; one that is changed here later is copied then"),
            ],
        ),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """For staff who may see the device; choosing needs the operator's permission."""
    _check(may_see(request.user, "syncapp.instance"))
    context = {**admin.site.each_context(request), "title": "First run", **_found()}
    found = context.get("found")
    if found is not None and found.state is State.WAITING and found.report is not None:
        report = Report.of(found.report)
        form = ChoiceForm(report.to_decide, request.POST or None)
        may_operate = request.user.has_perm(OPERATE)
        context |= {"form": form, "may_operate": may_operate}
        if request.method == "POST":
            _check(may_operate)
            if form.is_valid():
                choice = form.cleaned_data["choice"]
                if form.cleaned_data["confirmed"]:
                    return _choose(request, choice)
                context |= {"preview": effect(report, choice).sentences, "two_way": get_switches().enabled}
    return render(request, "syncapp/first_run.html", context)


def progress(request: HttpRequest) -> HttpResponse:
    """How far the comparison is, as a piece of the page that asks for it again and again."""
    _check(may_see(request.user, "syncapp.instance"))
    return render(request, "syncapp/first_run_progress.html", _found())


def _check(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied


def _found() -> dict[str, Any]:
    try:
        found = first_run.show()
    except LocalUnreachable as error:
        return {"problem": str(error)}
    run = ComparisonRun.objects.filter(kind=ComparisonRun.Kind.FIRST_RUN).first()
    return {"found": found, "state": found.state.value, "run": run, "rows": _rows(found)}


def _rows(found: FirstRun) -> list[dict[str, Any]]:
    if found.report is None:
        return []
    total = {"collection": "Total", "total": True, **found.report["total"]}
    numbers = ("equal", "different", "onlyLocal", "onlyAtlas")
    return [
        row | {name: f"{row[name]:,}" for name in numbers} for row in (*found.report["collections"], total)
    ]


def _choose(request: HttpRequest, choice: InitialChoice) -> HttpResponse:
    try:
        first_run.choose(choice, request.user)
        messages.success(request, "Chosen: the listener carries it out.")
    except (first_run.NothingToChoose, LocalUnreachable) as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse(f"admin:{NAME}"))
