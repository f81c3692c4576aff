"""The form of a collection rule: one field for each part."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from syncapp.admin.json_field import JsonField
from syncapp.admin.refusals import as_invalid
from syncapp.core import strategies
from syncapp.core.rule.collection_rule import DELETES, CollectionRule, OnLeave, Urgency
from syncapp.core.rule.rule_words import DIRECTIONS
from syncapp.models import CollectionRule as Row
from syncapp.rules.rule_check import HIGHEST_PRIORITY, NUMBERS
from syncapp.services import switches
from syncapp.services.rules.collection_rules import faults_of, refused_rule

LEAVES = {OnLeave.DROP: "is dropped here; it stays on Atlas", OnLeave.KEEP: "stays here"}
URGENCIES = {Urgency.FIRST: "first", Urgency.NORMAL: "normal", Urgency.LAST: "last"}
KEY = "key "  # of an array whose elements have one


class LinesField(forms.CharField):
    """Paths of fields, one a line."""

    def __init__(self, label: str, text: str, example: str) -> None:
        area = UnfoldAdminTextareaWidget(attrs={"rows": 3, "class": "font-mono", "placeholder": example})
        super().__init__(label=label, help_text=text, widget=area, required=False)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(self.lines_of(value or ()))

    def clean(self, value: Any) -> Any:
        return self.read([line.strip() for line in super().clean(value).splitlines() if line.strip()])

    def lines_of(self, value: Any) -> Iterable[str]:
        return list(value)

    def read(self, lines: list[str]) -> Any:
        return lines


class PairsField(LinesField):
    """Of each field how, one a line."""

    def lines_of(self, value: Any) -> Iterable[str]:
        return [
            f"{name} = {KEY + how['key'] if isinstance(how, dict) else how}"
            for name, how in dict(value).items()
        ]

    def read(self, lines: list[str]) -> Any:
        return dict(map(self._pair, lines))

    @staticmethod
    def _pair(line: str) -> tuple[str, Any]:
        name, equals, how = (part.strip() for part in line.rpartition("="))
        if not equals:
            raise forms.ValidationError(f"{line} has no = in it: write field = how")
        return name, {"key": how[len(KEY) :].strip()} if how.startswith(KEY) else how


class ObjectField(JsonField):
    """A JSON object; an empty field is an empty one."""

    def __init__(self, text: str, example: str) -> None:
        area = UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "font-mono", "placeholder": example})
        super().__init__(help_text=text, widget=area, required=False)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        return {} if found is None else found


def _choice(label: str, text: str, choices: dict[Any, str]) -> forms.ChoiceField:
    pairs = [(str(name), word) for name, word in choices.items()]
    return forms.ChoiceField(label=label, help_text=text, choices=pairs, widget=UnfoldAdminSelectWidget)


def _text(label: str, text: str, example: str) -> forms.CharField:
    line = UnfoldAdminTextInputWidget(attrs={"placeholder": example})
    return forms.CharField(label=label, help_text=text, required=False, widget=line)


def _switch(label: str, text: str = "") -> forms.BooleanField:
    return forms.BooleanField(
        label=label, help_text=text, required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )


class RuleForm(forms.ModelForm):
    """A valid one has the rule in `rule`, as the service takes it."""

    user: Any = None  # set by the page

    priority = forms.IntegerField(
        widget=UnfoldAdminIntegerFieldWidget,
        initial=CollectionRule().priority,
        help_text=f"0 to {HIGHEST_PRIORITY:,}. Of the rules that match a collection the one with the lowest number counts, alone.",
    )
    direction = _choice("Direction", "What is transferred at all.", DIRECTIONS)
    urgency = _choice("Urgency", "Whose changes go first when more waits than can go.", URGENCIES)
    deletesLocalToAtlas = _switch("Local deletes go to Atlas", "If not, Atlas keeps the document.")
    deletesAtlasToLocal = _switch("Deletes on Atlas come here", "If not, the document stays here.")
    filter = ObjectField(
        "A match expression. Only documents that match are on this device; Atlas has all. Empty: all.",
        '{"shop": "a"}',
    )
    onLeave = _choice(
        "A document that no longer matches", "By an edit, or by a change of the filter.", LEAVES
    )
    ownFields = LinesField(
        "Own fields", "Each side keeps its own values of these. One a line.", "lastSync\ntill.name"
    )
    strategy = forms.ChoiceField(
        label="Strategy", required=False, widget=UnfoldAdminSelectWidget, help_text="Who wins a conflict."
    )
    numbers = PairsField(
        "Numbers", f"For field-merge: {', '.join(NUMBERS)}. One a line: field = how.", "stock = sum"
    )
    arrays = PairsField(
        "Arrays",
        "For field-merge: replace, union, or key and the field that tells elements apart. One a line.",
        "tags = union\nlines = key sku",
    )
    resolver = _text(
        "Resolver", "The dotted path of a Python callable, for the strategy callable.", "shop.resolve"
    )
    timestampField = _text(
        "Timestamp field", "Decides where nobody knows when a version was made.", "updatedAt"
    )
    validation = ObjectField(
        "As MongoDB's $jsonSchema. What it does not allow becomes a rejected change. Empty: no check.",
        '{"required": ["total"]}',
    )
    maskedFields = LinesField(
        "Masked fields",
        "Shown as ••• in conflicts and rejected changes, without the permission to see them. One a line.",
        "customer.phone",
    )

    class Meta:
        model = Row
        fields = ("pattern", "priority")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, value in _initial(self.instance).items():
            if name in self.fields:
                self.initial[name] = value
        strategy: Any = self.fields.get("strategy")
        if strategy is not None:
            general = f"the general one, at present {switches.show().strategy}"
            strategy.choices = [
                ("", general), *((one.name, f"{one.name}: {one.about}") for one in strategies.offered())
            ]  # fmt: skip

    @property
    def rule(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        given["deletes"] = {name: given.pop(_switch_of(name)) for name in DELETES}
        return {"pattern": self.instance.pattern, **given}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            with as_invalid():
                found = faults_of(self.rule)
            for name, line in found.items():
                self.add_error(self._field(name), line)
            if not found and (why := refused_rule(self.rule, self.user)):
                self.add_error("maskedFields", why)
        return given

    def _field(self, name: str) -> str | None:
        """The form's field for a part; None: it concerns the whole."""
        part, _, rest = name.partition(".")
        place = _switch_of(rest) if part == "deletes" and rest in DELETES else part
        return place if place in self.fields else None


def _switch_of(deletes: str) -> str:
    return f"deletes{deletes[0].upper()}{deletes[1:]}"


def _initial(row: Row) -> dict[str, Any]:
    rule = (CollectionRule.of(row.document) if row.document else CollectionRule()).as_document()
    return rule | {_switch_of(name): travels for name, travels in rule.pop("deletes").items()}
