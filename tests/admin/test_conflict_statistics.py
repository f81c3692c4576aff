"""The page of conflict statistics."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import rows

pytestmark = pytest.mark.django_db
BOTH = ({"_id": 1, "v": 1}, {"_id": 1, "v": 2})


def test_it_plots_and_names_where_conflicts_happen(viewer: Client) -> None:
    rows.conflict(*BOTH, winner="local", collection="menu")
    rows.conflict(*BOTH, winner="open", collection="<b>bills</b>")
    page = viewer.get(reverse("admin:syncapp_conflict_statistics")).content.decode()
    assert page.count('<rect class="local"') == page.count('<rect class="waiting"') == 1
    assert "this device / Atlas" in page
    assert "&lt;b&gt;bills" in page
    assert "<b>bills" not in page.replace("&lt;", "")
    alone = viewer.get(reverse("admin:syncapp_conflict_statistics"), {"span": "week", "collection": "menu"})
    assert "<b>1</b> conflict:" in alone.content.decode()


def test_without_conflicts_it_says_so(viewer: Client) -> None:
    page = viewer.get(reverse("admin:syncapp_conflict_statistics"), {"span": "month", "collection": "none"})
    assert "in the last month in none" in page.content.decode()
    listed = viewer.get(reverse("admin:syncapp_conflict_changelist")).content.decode()
    assert reverse("admin:syncapp_conflict_statistics") in listed
