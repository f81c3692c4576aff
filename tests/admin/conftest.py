"""A page each of everything, and the people who look at it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from rest_framework.authtoken.models import Token

from monitoring.alerts.channel_operations import add as add_channel
from syncapp.models import AuditEntry
from syncapp.models.choices import Direction
from syncapp.rules.switches import audit, get_switches
from syncapp.services.rules import collection_rules
from syncapp.services.rules.exclusions import exclude
from syncapp.services.rules.validation import set_rule
from tests.api.conftest import change_settings  # noqa: F401  (the same fixture)
from tests.support import rows


@pytest.fixture
def everything(db: None) -> None:
    """At least one row of each model."""
    user = User.objects.create_superuser("root", "root@example.com", "secret")
    Token.objects.create(user=user)
    get_switches()
    exclude("temp_*")
    set_rule("bills", {"required": ["total"]})
    collection_rules.set_rule({"pattern": "orders", "maskedFields": ["status"], "urgency": "first"})
    rows.device()
    rows.fleet_device()
    rows.token()
    rows.rejected(other_id="5", other_document='{"_id": 5}')
    rows.minute(Direction.ATLAS_TO_LOCAL, succeeded=5)
    rows.conflict(
        {"_id": 1, "status": "<b>served</b>"}, {"_id": 1, "status": "paid"}, ago=dt.timedelta(days=1)
    )
    rows.conflict(None, {"_id": {"shop": 3}, "x": 1})
    rows.alert()
    add_channel("team", "slack", {"url": "https://example.com/hook"})
    audit(user, "set enabled", "enabled: off → on")
    assert AuditEntry.objects.exists()


@pytest.fixture
def superuser(everything: None) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client


@pytest.fixture
def viewer(everything: None) -> Client:
    """Staff who may see every model and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client
