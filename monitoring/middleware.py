"""What every request gets: its address for the audit log, and a policy of what its pages may load."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from syncapp.rules.switches import FROM_ADDRESS
from syncapp.services.client import address_of

Next = Callable[[HttpRequest], HttpResponse]


class FromAddress:
    """The client's address, for the audit log."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = FROM_ADDRESS.set(address_of(request))
        try:
            return self.get_response(request)
        finally:
            FROM_ADDRESS.reset(token)


# Nothing comes from elsewhere, and no script stands in a page: HTML that were smuggled into one could do nothing
STRICT = {
    "default-src": "'self'",
    "script-src": "'self'",
    # The pages' templates have styles in attributes
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# unfold's pages are driven by Alpine, which evaluates the attributes of our own templates
ADMIN = {**STRICT, "script-src": "'self' 'unsafe-eval'"}
# Pages that others have made, with scripts of their own in them: Flower's, and the built documents
FOREIGN = {**STRICT, "script-src": "'self' 'unsafe-inline'", "worker-src": "'self' blob:"}
POLICIES = {"/admin/": ADMIN, "/monitoring/": ADMIN, "/flower/": FOREIGN, "/docs/": FOREIGN}


def policy_of(path: str) -> str:
    found = next((one for start, one in POLICIES.items() if path.startswith(start)), STRICT)
    return "; ".join(f"{name} {value}" for name, value in found.items())


class ContentSecurity:
    """The header Content-Security-Policy."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy_of(request.path))
        return response
