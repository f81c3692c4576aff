"""The documents at /docs/, as docs/build.sh has built them.

Open to all, as /api/docs/ is: they say what the program is, and nothing of this device. And a runbook is needed most when
Django's database, which knows the logins, is down.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe
from django.views.static import serve

from monitoring.failures import answer
from syncapp.conf.settings import BASE_DIR

SITE = BASE_DIR / ".docs" / "site"
NOT_BUILT = (
    "The documents have not been built: `make docs` does that. They can be read in the folder docs, too"
)


def are_built() -> bool:
    return (SITE / "index.html").exists()


@require_safe
@gzip_page
def pages(request: HttpRequest, place: str) -> HttpResponseBase:
    """A page, or what belongs to one."""
    if not are_built():
        return _not_built(request)
    if not place or place.endswith("/"):
        place += "index.html"
    elif "." not in place.rpartition("/")[2]:
        return HttpResponseRedirect(f"{request.path}/")
    return serve(request, place, document_root=str(SITE))


def _not_built(request: HttpRequest) -> HttpResponse:
    return answer(request, 404, "Not built", NOT_BUILT)
