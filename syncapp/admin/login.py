"""The login of the admin, which slows down guessing of passwords."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from syncapp.services.access import logins


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        name = str(self.cleaned_data.get("username", ""))
        if self.request and (seconds := logins.seconds_to_wait(self.request, name)):
            raise ValidationError(f"{logins.refusal(seconds)}.", code="throttled")
        return super().clean()
