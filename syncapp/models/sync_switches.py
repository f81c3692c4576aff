"""What can be changed at run time. One row; every change raises `version`, which batches contain."""

from django.db import models

from syncapp.conf.settings import STRATEGIES
from syncapp.core.rule.policy import LAST_WRITE_WINS


def strategy_choices() -> list[tuple[str, str]]:
    """Asked when it is needed, so that one more strategy is no migration."""
    return [(name, name) for name in STRATEGIES]


class SyncSwitches(models.Model):
    """`enabled`: pulls are allowed (false: one-way sync, local to Atlas). `paused`: no transfers."""

    enabled = models.BooleanField(default=False)
    paused = models.BooleanField(default=False)
    strategy = models.CharField(max_length=40, default=LAST_WRITE_WINS, choices=strategy_choices)
    version = models.PositiveBigIntegerField(default=1)
    # The environment's values at the last start: a changed one overrides what was set since
    environment = models.JSONField(default=dict)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "sync settings"
        verbose_name_plural = "sync settings"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="only_one_row")]

    def __str__(self) -> str:
        return "Sync enabled" if self.enabled else "Sync disabled (one-way, local to Atlas)"
