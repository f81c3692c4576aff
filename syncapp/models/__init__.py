"""The models of Django's database: one per file."""

from syncapp.models.alert import Alert
from syncapp.models.alert_channel import AlertChannel
from syncapp.models.alert_message import AlertMessage
from syncapp.models.alert_rule import AlertRule
from syncapp.models.alert_watch import AlertWatch
from syncapp.models.api_token import ApiToken
from syncapp.models.audit import AuditEntry
from syncapp.models.collection_rule import CollectionRule
from syncapp.models.compared_collection import ComparedCollection
from syncapp.models.comparison_run import ComparisonRun
from syncapp.models.conflict import Conflict
from syncapp.models.device import Device
from syncapp.models.excluded_collection import ExcludedCollection
from syncapp.models.idempotency_key import IdempotencyKey
from syncapp.models.instance import Instance
from syncapp.models.listener_start import ListenerStart
from syncapp.models.mark import Mark
from syncapp.models.metrics import CollectionMetric, LagTime, MetricMinute, ProcessingTime, StateMinute
from syncapp.models.queue_question import QueueQuestion
from syncapp.models.rejected_change import RejectedChange
from syncapp.models.resume_token import ResumeToken
from syncapp.models.sync_switches import SyncSwitches
from syncapp.models.validation_rule import ValidationRule

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertMessage",
    "AlertRule",
    "AlertWatch",
    "ApiToken",
    "AuditEntry",
    "CollectionMetric",
    "CollectionRule",
    "ComparedCollection",
    "ComparisonRun",
    "Conflict",
    "Device",
    "ExcludedCollection",
    "IdempotencyKey",
    "Instance",
    "LagTime",
    "ListenerStart",
    "Mark",
    "MetricMinute",
    "ProcessingTime",
    "QueueQuestion",
    "RejectedChange",
    "ResumeToken",
    "StateMinute",
    "SyncSwitches",
    "ValidationRule",
]
