"""The header Idempotency-Key of addresses that start something."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from syncapp.api.common.views import SyncView
from syncapp.services.errors import wrong_value
from syncapp.services.idempotency import Answered, once

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
FORM = "^[!-~]{1,200}$"
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": FORM},
    "description": "The request is carried out once in 24 hours for this key: repeated, it is answered as it was the first time, "
    f"with the header {REPLAYED}: true",
}


def once_a_key(handler: Callable[..., Response]) -> Callable[..., Response]:
    """For a method of a SyncView whose permission needs a login."""

    @wraps(handler)
    def carried_out(view: SyncView, request: Request, *args: Any, **options: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **options)
        if not re.fullmatch(FORM, key):
            raise wrong_value(HEADER, key, "1 to 200 visible ASCII characters, such as a UUID")

        def act() -> Answered:
            response = handler(view, request, *args, **options)
            return Answered(response.status_code, json.loads(json.dumps(response.data, default=str)))

        answered, again = once(request.user, key, _digest(view, request), act)
        return Response(answered.body, answered.status, headers={REPLAYED: "true"} if again else {})

    carried_out.takes_key = True  # type: ignore[attr-defined]
    return carried_out


def _digest(view: SyncView, request: Request) -> str:
    asked = [request.method, request.path, view.asked, view.wanted]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
