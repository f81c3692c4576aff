"""The dialog that starts a comparison run: of which collections."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget


class StartForm(BaseDialogForm):
    collections = forms.CharField(
        required=False,
        label="Collections",
        help_text="Names separated by commas. Empty: all.",
        widget=UnfoldAdminTextInputWidget,
    )

    def clean_collections(self) -> str:
        text = str(self.cleaned_data["collections"])
        if text.strip() and not text.strip(" ,"):
            raise forms.ValidationError("No collection is named. Empty: all collections.")
        return text

    @property
    def names(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["collections"].split(",") if name.strip()]


def starting(title: str, text: str) -> Any:
    """A dialog that asks for collections."""
    return {"title": title, "description": text, "form_class": StartForm, "form_submit_text": "Start"}
