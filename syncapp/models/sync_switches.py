"""What can be changed at run time. One row; every change raises `version`, which batches carry."""

from django.db import models

from syncapp.conf.settings import STRATEGIES


class SyncSwitches(models.Model):
    """`enabled`: pulls are allowed (false: one-way sync, local to Atlas). `paused`: nothing moves."""

    enabled = models.BooleanField(default=False)
    paused = models.BooleanField(default=False)
    strategy = models.CharField(
        max_length=40, default=STRATEGIES[0], choices=[(name, name) for name in STRATEGIES]
    )
    version = models.PositiveBigIntegerField(default=1)
    # The environment's values at the last start: one that differs now wins over what was set since
    environment = models.JSONField(default=dict)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "sync settings"
        verbose_name_plural = "sync settings"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="only_one_row")]

    def __str__(self) -> str:
        return "sync enabled" if self.enabled else "sync disabled (one-way, local to Atlas)"
