"""Addresses of the API."""

from django.urls import include, path

from syncapp.api.alert_channels import ChannelOne, Channels, ChannelTest
from syncapp.api.alerts import AlertAcknowledge, AlertOne, AlertRuleOne, AlertRules, Alerts, AlertSilence
from syncapp.api.compared import Compared
from syncapp.api.conflict_statistics import ConflictStatistics
from syncapp.api.conflicts import ConflictList, ConflictOne, ConflictResolve, ConflictRestore
from syncapp.api.definitions import Definitions
from syncapp.api.devices import DeviceOne, Devices
from syncapp.api.doctor import Doctor
from syncapp.api.document import Document
from syncapp.api.exclusions import Exclusions
from syncapp.api.explain import Explain
from syncapp.api.groups import GroupOne, Groups, Permissions
from syncapp.api.halts import HaltAnswer, Halts
from syncapp.api.health import SyncHealth, WebHealth
from syncapp.api.initial import Initial
from syncapp.api.later import later
from syncapp.api.many_conflicts import ConflictsRestore, ConflictsTry
from syncapp.api.metrics import SyncMetrics
from syncapp.api.password import OwnPassword
from syncapp.api.periodic_tasks import PeriodicTaskOne, PeriodicTaskRun, PeriodicTasks
from syncapp.api.records import Audit, Minutes
from syncapp.api.rejected import (
    RejectedDiscard,
    RejectedDiscardMany,
    RejectedList,
    RejectedOne,
    RejectedRetry,
    RejectedRetryMany,
)
from syncapp.api.resume_tokens import ResumeTokens
from syncapp.api.rule_preview import RuleCheck, RulePreview
from syncapp.api.rules import CollectionRules, RuleExport, RuleFor, RuleImport
from syncapp.api.runs import Resync, RunCancel, RunOne, RunPause, RunResume, Runs, Verify
from syncapp.api.selftest import SelftestView
from syncapp.api.switches import Pause, Strategy, Toggle
from syncapp.api.token import GetToken
from syncapp.api.tokens import TokenOne, Tokens
from syncapp.api.users import UserOne, Users
from syncapp.api.validation import Validation

sync = [
    path("health", SyncHealth.as_view(), name="sync-health"),
    path("doctor", Doctor.as_view(), name="sync-doctor"),
    path("selftest", SelftestView.as_view(), name="sync-selftest"),
    path("metrics", SyncMetrics.as_view(), name="sync-metrics"),
    path("conflicts", ConflictList.as_view(), name="sync-conflicts"),
    path("conflicts/restore", ConflictsRestore.as_view(), name="sync-conflicts-restore"),
    path("conflicts/try", ConflictsTry.as_view(), name="sync-conflicts-try"),
    path("conflicts/statistics", ConflictStatistics.as_view(), name="sync-conflict-statistics"),
    path("conflicts/<int:pk>", ConflictOne.as_view(), name="sync-conflict"),
    path("conflicts/<int:pk>/restore", ConflictRestore.as_view(), name="sync-restore"),
    path("conflicts/<int:pk>/resolve", ConflictResolve.as_view(), name="sync-resolve"),
    path("toggle", Toggle.as_view(), name="sync-toggle"),
    path("strategy", Strategy.as_view(), name="sync-strategy"),
    path("pause", Pause.as_view(), name="sync-pause"),
    path("initial", Initial.as_view(), name="sync-initial"),
    path("exclusions", Exclusions.as_view(), name="sync-exclusions"),
    path("resume-token", ResumeTokens.as_view(), name="sync-resume-token"),
    path("rules", CollectionRules.as_view(), name="sync-rules"),
    path("rules/for", RuleFor.as_view(), name="sync-rule-for"),
    path("rules/preview", RulePreview.as_view(), name="sync-rule-preview"),
    path("rules/check", RuleCheck.as_view(), name="sync-rule-check"),
    path("rules/export", RuleExport.as_view(), name="sync-rule-export"),
    path("rules/import", RuleImport.as_view(), name="sync-rule-import"),
    path("rules/validation", Validation.as_view(), name="sync-validation"),
    path("rejected", RejectedList.as_view(), name="sync-rejected"),
    path("rejected/retry", RejectedRetryMany.as_view(), name="sync-rejected-retry-many"),
    path("rejected/discard", RejectedDiscardMany.as_view(), name="sync-rejected-discard-many"),
    path("rejected/<int:pk>", RejectedOne.as_view(), name="sync-rejected-one"),
    path("rejected/<int:pk>/retry", RejectedRetry.as_view(), name="sync-rejected-retry"),
    path("rejected/<int:pk>/discard", RejectedDiscard.as_view(), name="sync-rejected-discard"),
    path("halts", Halts.as_view(), name="sync-halts"),
    path("halts/answer", HaltAnswer.as_view(), name="sync-halt-answer"),
    path("runs", Runs.as_view(), name="sync-runs"),
    path("runs/<slug:run_id>", RunOne.as_view(), name="sync-run"),
    path("runs/<slug:run_id>/cancel", RunCancel.as_view(), name="sync-run-cancel"),
    path("runs/<slug:run_id>/pause", RunPause.as_view(), name="sync-run-pause"),
    path("runs/<slug:run_id>/resume", RunResume.as_view(), name="sync-run-resume"),
    path("resync", Resync.as_view(), name="sync-resync"),
    path("verify", Verify.as_view(), name="sync-verify"),
    path("compared", Compared.as_view(), name="sync-compared"),
    path("definitions", Definitions.as_view(), name="sync-definitions"),
    path("alerts", Alerts.as_view(), name="sync-alerts"),
    path("alerts/rules", AlertRules.as_view(), name="sync-alert-rules"),
    path("alerts/rules/<slug:code>", AlertRuleOne.as_view(), name="sync-alert-rule"),
    path("alerts/channels", Channels.as_view(), name="sync-alert-channels"),
    path("alerts/channels/<slug:name>", ChannelOne.as_view(), name="sync-alert-channel"),
    path("alerts/channels/<slug:name>/test", ChannelTest.as_view(), name="sync-alert-channel-test"),
    path("alerts/<int:pk>", AlertOne.as_view(), name="sync-alert"),
    path("alerts/<int:pk>/acknowledge", AlertAcknowledge.as_view(), name="sync-alert-acknowledge"),
    path("alerts/<int:pk>/silence", AlertSilence.as_view(), name="sync-alert-silence"),
    path("explain", Explain.as_view(), name="sync-explain"),
    path("audit", Audit.as_view(), name="sync-audit"),
    path("metrics/minutes", Minutes.as_view(), name="sync-minutes"),
    path("document", Document.as_view(), name="sync-document"),
    path("devices", Devices.as_view(), name="sync-devices"),
    path("devices/<str:device>", DeviceOne.as_view(), name="sync-device"),
]

urlpatterns = [
    path("token/", GetToken.as_view(), name="token"),
    path("tokens", Tokens.as_view(), name="tokens"),
    path("tokens/<slug:token_id>", TokenOne.as_view(), name="token-one"),
    path("users", Users.as_view(), name="users"),
    path("users/<int:pk>", UserOne.as_view(), name="user-one"),
    path("password", OwnPassword.as_view(), name="own-password"),
    path("groups", Groups.as_view(), name="groups"),
    path("groups/<int:pk>", GroupOne.as_view(), name="group-one"),
    path("permissions", Permissions.as_view(), name="permissions"),
    path("periodic-tasks", PeriodicTasks.as_view(), name="periodic-tasks"),
    path("periodic-tasks/<str:task>", PeriodicTaskOne.as_view(), name="periodic-task"),
    path("periodic-tasks/<str:task>/run", PeriodicTaskRun.as_view(), name="periodic-task-run"),
    path("health", WebHealth.as_view(), name="web-health"),
    path("sync/bidirectional/", include(sync)),
    path("schema/", later("syncapp.api.description.Description"), name="schema"),
    path("docs/", later("syncapp.api.description.Pages"), name="docs"),
]
