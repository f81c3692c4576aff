"""What a report's endings mean under the rules that hold."""

from __future__ import annotations

from collections.abc import Sequence

from syncapp.apply.messages import Report
from syncapp.core.values import Ending

_BY_RULES = (Ending.DONE, Ending.OWED)


def under_rules(report: Report, version: int, newest: int) -> Sequence[Ending]:
    """What became of a document holds for the rules that said so. A worker may have older ones than the listener, or newer
    ones, which may even be gone before the listener sees them: then nothing asks for a comparison of what they brought or
    dropped. What older ones transferred may not belong there any more, after the comparison that newer ones asked for has
    passed it.

    `newest`: the highest version that was ever in force. Up to that one nothing waits: after a restore of Django's database
    lower versions hold than before, and those will not come back."""
    if report.rules_version == version:
        return report.endings
    again = Ending.AGAIN if report.rules_version <= newest else Ending.LATER
    return [again if ending in _BY_RULES else ending for ending in report.endings]
