"""What Django's database keeps: one file a model."""

from syncapp.models.audit import AuditEntry
from syncapp.models.conflict import Conflict
from syncapp.models.excluded_collection import ExcludedCollection
from syncapp.models.instance import Instance
from syncapp.models.metrics import MetricMinute, ProcessingTime
from syncapp.models.rejected_change import RejectedChange
from syncapp.models.resume_token import ResumeToken
from syncapp.models.sync_switches import SyncSwitches

__all__ = [
    "AuditEntry",
    "Conflict",
    "ExcludedCollection",
    "Instance",
    "MetricMinute",
    "ProcessingTime",
    "RejectedChange",
    "ResumeToken",
    "SyncSwitches",
]
