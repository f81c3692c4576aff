"""The workers' reports to the listener, by the broker: a capped stream per epoch.

Nothing depends on it: after a lost report the listener re-queues the keys. Beside it, the superseded tasks: workers
skip these.
"""

from syncapp.apply.reports.connect import connect
from syncapp.apply.reports.values import BrokerAway, ReportReader, Reports, stream_name

__all__ = ["BrokerAway", "ReportReader", "Reports", "connect", "stream_name"]
