"""Who may do what: one table of all addresses, methods and roles. `tests/admin/test_matrix.py` tries every cell, and
docs/security.md shows it; `python -m tests.support.matrix` writes it there.

A cell's letters are who gets through: N without a login, L with a login of no role, V Viewers, O Operators, A Administrators.
Superusers may do everything. That somebody gets through does not mean that the act is possible: 404 and 409 come after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
START, END = "<!-- matrix: python -m tests.support.matrix -->", "<!-- end of matrix -->"
ROLES = {"N": "no login", "L": "login only", "V": "Viewers", "O": "Operators", "A": "Administrators"}
EVERYBODY, LOGIN, VIEW, OPERATE, ADMINISTER, NOBODY = "NLVOA", "LVOA", "VOA", "OA", "A", ""

# Pages of the admin for each model: who sees its list and rows, adds, changes, deletes
MODELS: dict[str, tuple[str, str, str, str]] = {
    "syncapp/alertchannel": (VIEW, OPERATE, OPERATE, OPERATE),
    "syncapp/alertrule": (VIEW, NOBODY, OPERATE, NOBODY),
    "syncapp/alert": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/apitoken": (LOGIN, LOGIN, NOBODY, NOBODY),
    "django_celery_beat/periodictask": (ADMINISTER, ADMINISTER, ADMINISTER, NOBODY),
    "django_celery_beat/intervalschedule": (ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER),
    "django_celery_beat/crontabschedule": (ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER),
    "django_celery_beat/clockedschedule": (ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER),
    "syncapp/comparedcollection": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/conflict": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/excludedcollection": (VIEW, OPERATE, NOBODY, OPERATE),
    "syncapp/instance": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/metricminute": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/auditentry": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/rejectedchange": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/comparisonrun": (VIEW, NOBODY, NOBODY, NOBODY),
    "syncapp/syncswitches": (VIEW, NOBODY, OPERATE, NOBODY),
    "syncapp/resumetoken": (VIEW, NOBODY, NOBODY, NOBODY),
    "auth/user": (ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER),
    "auth/group": (ADMINISTER, ADMINISTER, ADMINISTER, ADMINISTER),
    "authtoken/tokenproxy": (ADMINISTER, NOBODY, NOBODY, ADMINISTER),
    "syncapp/validationrule": (VIEW, OPERATE, OPERATE, OPERATE),
    "syncapp/collectionrule": (VIEW, OPERATE, OPERATE, OPERATE),
    "syncapp/device": (VIEW, NOBODY, NOBODY, NOBODY),
}
# Address (as the URL patterns have it), method, who
MATRIX: list[tuple[str, str, str]] = [
    ("", "GET", EVERYBODY),
    ("admin/search/", "GET", LOGIN),
    ("admin/", "GET", LOGIN),
    ("admin/login/", "GET", "N"),
    ("admin/password_change/", "GET", LOGIN),
    ("admin/password_change/done/", "GET", LOGIN),
    ("admin/autocomplete/", "GET", ADMINISTER),
    ("admin/jsi18n/", "GET", LOGIN),
    ("admin/r/<path:content_type_id>/<path:object_id>/", "GET", LOGIN),
    ("admin/syncapp/alertchannel/<path:object_id>/test/", "GET", OPERATE),
    ("admin/syncapp/alert/<path:object_id>/acknowledge/", "GET", OPERATE),
    ("admin/syncapp/alert/<path:object_id>/silence/", "GET", OPERATE),
    ("admin/syncapp/alert/<path:object_id>/unsilence/", "GET", OPERATE),
    ("admin/syncapp/apitoken/<path:object_id>/revoke/", "GET", LOGIN),  # of the own ones
    ("admin/syncapp/conflict/<int:object_id>/now/", "GET", OPERATE),
    ("admin/syncapp/conflict/<path:object_id>/take-local/", "GET", OPERATE),
    ("admin/syncapp/conflict/<path:object_id>/take-atlas/", "GET", OPERATE),
    ("admin/syncapp/conflict/<path:object_id>/restore/", "GET", OPERATE),
    ("admin/syncapp/instance/halts/", "GET", VIEW),
    ("admin/syncapp/instance/first-run/", "GET", VIEW),
    ("admin/syncapp/instance/first-run/progress/", "GET", VIEW),
    ("admin/syncapp/instance/document/", "GET", OPERATE),
    ("admin/syncapp/instance/selftest/", "GET", OPERATE),
    ("admin/syncapp/instance/selftest/progress/", "GET", OPERATE),
    ("admin/syncapp/rejectedchange/<path:object_id>/retry/", "GET", OPERATE),
    ("admin/syncapp/rejectedchange/<path:object_id>/discard/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/<int:object_id>/progress/", "GET", VIEW),
    ("admin/syncapp/comparisonrun/definitions/", "GET", VIEW),
    ("admin/syncapp/comparisonrun/verify/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/resync/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/repair/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/<path:object_id>/pause/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/<path:object_id>/resume/", "GET", OPERATE),
    ("admin/syncapp/comparisonrun/<path:object_id>/cancel/", "GET", OPERATE),
    ("admin/syncapp/resumetoken/<path:object_id>/clear/", "GET", OPERATE),
    ("admin/syncapp/collectionrule/<int:object_id>/matches/", "GET", VIEW),
    ("admin/syncapp/collectionrule/<int:object_id>/preview/", "POST", OPERATE),
    ("admin/syncapp/collectionrule/preview/", "POST", OPERATE),
    ("admin/syncapp/collectionrule/for/", "GET", VIEW),
    ("admin/syncapp/validationrule/<int:object_id>/check/", "POST", OPERATE),
    ("admin/syncapp/validationrule/check/", "POST", OPERATE),
    ("admin/syncapp/conflict/statistics/", "GET", VIEW),
    ("admin/syncapp/conflict/<int:object_id>/decide/", "GET", OPERATE),
    ("admin/syncapp/device/<path:object_id>/rename/", "GET", OPERATE),
    ("admin/syncapp/device/<path:object_id>/retire/", "GET", OPERATE),
    ("admin/auth/user/<id>/password/", "GET", ADMINISTER),
    ("admin/<app_label>/", "GET", LOGIN),
    ("admin/(?P<url>.*)$", "GET", LOGIN),
    ("api/token/", "POST", EVERYBODY),
    ("api/tokens", "GET", LOGIN),
    ("api/tokens/<slug:token_id>", "GET", LOGIN),
    ("api/tokens/<slug:token_id>", "DELETE", LOGIN),
    ("api/users", "GET", ADMINISTER),
    ("api/users", "POST", ADMINISTER),
    ("api/users/<int:pk>", "GET", ADMINISTER),
    ("api/users/<int:pk>", "PATCH", ADMINISTER),
    ("api/users/<int:pk>", "DELETE", ADMINISTER),
    ("api/password", "POST", LOGIN),
    ("api/groups", "GET", ADMINISTER),
    ("api/groups", "POST", ADMINISTER),
    ("api/groups/<int:pk>", "GET", ADMINISTER),
    ("api/groups/<int:pk>", "PATCH", ADMINISTER),
    ("api/groups/<int:pk>", "DELETE", ADMINISTER),
    ("api/permissions", "GET", ADMINISTER),
    ("api/periodic-tasks", "GET", ADMINISTER),
    ("api/periodic-tasks", "POST", ADMINISTER),
    ("api/periodic-tasks/<str:task>", "GET", ADMINISTER),
    ("api/periodic-tasks/<str:task>", "PATCH", ADMINISTER),
    ("api/periodic-tasks/<str:task>", "DELETE", ADMINISTER),
    ("api/periodic-tasks/<str:task>/run", "POST", ADMINISTER),
    ("api/health", "GET", EVERYBODY),
    ("api/sync/bidirectional/health", "GET", EVERYBODY),
    ("api/sync/bidirectional/doctor", "GET", LOGIN),
    ("api/sync/bidirectional/selftest", "GET", LOGIN),
    ("api/sync/bidirectional/selftest", "POST", OPERATE),
    ("api/sync/bidirectional/metrics", "GET", LOGIN),
    ("api/sync/bidirectional/conflicts", "GET", LOGIN),
    ("api/sync/bidirectional/conflicts/<int:pk>", "GET", LOGIN),
    ("api/sync/bidirectional/conflicts/<int:pk>/restore", "POST", OPERATE),
    ("api/sync/bidirectional/conflicts/<int:pk>/resolve", "POST", OPERATE),
    ("api/sync/bidirectional/toggle", "GET", LOGIN),
    ("api/sync/bidirectional/toggle", "POST", OPERATE),
    ("api/sync/bidirectional/strategy", "GET", LOGIN),
    ("api/sync/bidirectional/strategy", "POST", OPERATE),
    ("api/sync/bidirectional/pause", "GET", LOGIN),
    ("api/sync/bidirectional/pause", "POST", OPERATE),
    ("api/sync/bidirectional/initial", "GET", LOGIN),
    ("api/sync/bidirectional/initial", "POST", OPERATE),
    ("api/sync/bidirectional/exclusions", "GET", LOGIN),
    ("api/sync/bidirectional/exclusions", "POST", OPERATE),
    ("api/sync/bidirectional/exclusions", "DELETE", OPERATE),
    ("api/sync/bidirectional/resume-token", "GET", LOGIN),
    ("api/sync/bidirectional/resume-token", "DELETE", OPERATE),
    ("api/sync/bidirectional/rules/validation", "GET", LOGIN),
    ("api/sync/bidirectional/rules/validation", "PUT", OPERATE),
    ("api/sync/bidirectional/rules/validation", "DELETE", OPERATE),
    ("api/sync/bidirectional/rejected", "GET", LOGIN),
    ("api/sync/bidirectional/rejected/retry", "POST", OPERATE),
    ("api/sync/bidirectional/rejected/discard", "POST", OPERATE),
    ("api/sync/bidirectional/rejected/<int:pk>", "GET", LOGIN),
    ("api/sync/bidirectional/rejected/<int:pk>/retry", "POST", OPERATE),
    ("api/sync/bidirectional/rejected/<int:pk>/discard", "POST", OPERATE),
    ("api/sync/bidirectional/conflicts/statistics", "GET", LOGIN),
    ("api/sync/bidirectional/conflicts/restore", "POST", OPERATE),
    ("api/sync/bidirectional/conflicts/try", "POST", OPERATE),
    ("api/sync/bidirectional/explain", "GET", LOGIN),
    ("api/sync/bidirectional/devices/<str:device>", "GET", LOGIN),
    ("api/sync/bidirectional/devices/<str:device>", "PUT", OPERATE),
    ("api/sync/bidirectional/devices/<str:device>", "DELETE", OPERATE),
    ("api/sync/bidirectional/rules", "GET", LOGIN),
    ("api/sync/bidirectional/rules", "PUT", OPERATE),
    ("api/sync/bidirectional/rules", "DELETE", OPERATE),
    ("api/sync/bidirectional/rules/for", "GET", LOGIN),
    ("api/sync/bidirectional/rules/export", "GET", LOGIN),
    ("api/sync/bidirectional/rules/check", "POST", OPERATE),
    ("api/sync/bidirectional/rules/import", "POST", OPERATE),
    ("api/sync/bidirectional/rules/preview", "POST", OPERATE),
    ("api/sync/bidirectional/halts", "GET", LOGIN),
    ("api/sync/bidirectional/halts/answer", "POST", OPERATE),
    ("api/sync/bidirectional/runs", "GET", LOGIN),
    ("api/sync/bidirectional/runs/<slug:run_id>", "GET", LOGIN),
    ("api/sync/bidirectional/runs/<slug:run_id>/cancel", "POST", OPERATE),
    ("api/sync/bidirectional/runs/<slug:run_id>/pause", "POST", OPERATE),
    ("api/sync/bidirectional/runs/<slug:run_id>/resume", "POST", OPERATE),
    ("api/sync/bidirectional/resync", "POST", OPERATE),
    ("api/sync/bidirectional/verify", "POST", OPERATE),
    ("api/sync/bidirectional/compared", "GET", LOGIN),
    ("api/sync/bidirectional/definitions", "GET", LOGIN),
    ("api/sync/bidirectional/alerts", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/rules", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/rules/<slug:code>", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/rules/<slug:code>", "PUT", OPERATE),
    ("api/sync/bidirectional/alerts/rules/<slug:code>", "DELETE", OPERATE),
    ("api/sync/bidirectional/alerts/channels", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/channels", "POST", OPERATE),
    ("api/sync/bidirectional/alerts/channels/<slug:name>", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/channels/<slug:name>", "PUT", OPERATE),
    ("api/sync/bidirectional/alerts/channels/<slug:name>", "DELETE", OPERATE),
    ("api/sync/bidirectional/alerts/channels/<slug:name>/test", "POST", OPERATE),
    ("api/sync/bidirectional/alerts/<int:pk>", "GET", LOGIN),
    ("api/sync/bidirectional/alerts/<int:pk>/acknowledge", "POST", OPERATE),
    ("api/sync/bidirectional/alerts/<int:pk>/silence", "POST", OPERATE),
    ("api/sync/bidirectional/alerts/<int:pk>/silence", "DELETE", OPERATE),
    ("api/sync/bidirectional/audit", "GET", VIEW),
    ("api/sync/bidirectional/metrics/minutes", "GET", LOGIN),
    ("api/sync/bidirectional/document", "GET", OPERATE),
    ("api/sync/bidirectional/devices", "GET", LOGIN),
    ("api/schema/", "GET", EVERYBODY),
    ("api/docs/", "GET", EVERYBODY),
    ("readyz", "GET", EVERYBODY),
    ("^flower(?P<rest>/.*)?$", "GET", LOGIN),
    ("^docs/(?P<place>.*)$", "GET", EVERYBODY),
    ("monitoring/dashboard", "GET", LOGIN),
    ("monitoring/history", "GET", LOGIN),
    ("monitoring/live", "GET", LOGIN),
    ("metrics", "GET", LOGIN),
    ("admin/syncapp/instance/halts/", "POST", OPERATE),
    ("admin/syncapp/instance/first-run/", "POST", OPERATE),
    ("admin/syncapp/instance/selftest/", "POST", OPERATE),
    ("admin/logout/", "POST", LOGIN),
]


def rows() -> Iterator[tuple[str, str, str]]:
    """All of it: address, method, who."""
    yield from MATRIX
    for model, (see, add, change, delete) in MODELS.items():
        start = f"admin/{model}/"
        yield from (
            (start, "GET", see),
            (f"{start}add/", "GET", add),
            (f"{start}<path:object_id>/", "GET", LOGIN),  # only leads to the next but one
            (f"{start}<path:object_id>/history/", "GET", see),
            (f"{start}<path:object_id>/change/", "GET", see),
            (f"{start}<path:object_id>/change/", "POST", change),
            (f"{start}<path:object_id>/delete/", "GET", delete),
        )


def published() -> str:
    """The table as docs/security.md shows it."""

    def line(*cells: str) -> str:
        return f"| {' | '.join(cells)} |"

    def ticks(who: str) -> list[str]:
        return ["✓" if letter in who else "" for letter in ROLES]

    head = [line("address", "method", *ROLES.values()), line(*["---"] * (2 + len(ROLES)))]
    body = [line(f"`/{address}`", method, *ticks(who)) for address, method, who in MATRIX]
    names = {"see": 0, "add": 1, "change": 2, "delete": 3}
    models = [
        line(f"`/admin/{model}/`", act, *ticks(who[place]))
        for model, who in MODELS.items()
        for act, place in names.items()
        if who[place]
    ]
    return "\n".join([START, "", *head, *body, *models, "", END])


def written(text: str) -> str:
    """The page with the current table."""
    before, _, rest = text.partition(START)
    return f"{before}{published()}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
