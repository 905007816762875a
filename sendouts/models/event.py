"""The append-only record of a batch's history."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sendouts.models.batch import Batch


class EventWord(models.TextChoices):
    """The kind of an event, shared by log, screen and API."""

    MOVED = "moved", _("went on")
    CHANGED = "changed", _("decision changed")
    TAKEN_ON = "taken_on", _("taken on")
    ATTENTION = "attention", _("needs attention")
    CLEARED = "cleared", _("attention cleared")
    RESTARTED = "restarted", _("screened from the start again")
    RETRIED = "retried", _("sent again")
    FINISH_SENT = "finish_sent", _("release called")
    FINISH_REPEATED = "finish_repeated", _("release called again")
    DUPLICATE = "duplicate", _("hook came again")
    EXPORTED = "exported", _("decisions downloaded")
    FIRST_ACCEPTED = "first_accepted", _("accepted as first person")
    TAKEN_BACK = "taken_back", _("first acceptance taken back")
    HELD = "held", _("put on hold")
    HOLD_LIFTED = "hold_lifted", _("hold lifted")
    CHANGE_BEGUN = "change_begun", _("change of many decisions begun")
    CHANGE_ENDED = "change_ended", _("change of many decisions ended")
    FILE_OFFERED = "file_offered", _("another contact file sent")
    FILE_USED = "file_used", _("another contact file used")
    ASKED = "asked", _("asked for a step")
    KEPT = "kept", _("people’s decisions applied again")


class Event(models.Model):
    """One status change, human act or trouble of a batch; append-only (triggers refuse UPDATE and DELETE)."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(_("time"))
    word = models.CharField(_("event"), max_length=20, choices=EventWord)
    old = models.CharField(max_length=10, blank=True, default="")
    new = models.CharField(max_length=10, blank=True, default="")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Their name at the time: an account may be renamed.
    who = models.CharField(max_length=150, blank=True, default="", db_default="")
    note = models.TextField(_("note"), blank=True, default="")
    data = models.JSONField(default=dict, blank=True)
    # The revision of the batch from this event on; 0 if the event did not raise it.
    revision = models.PositiveIntegerField(_("revision"), default=0)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.word}"

    @property
    def author(self) -> str:
        """Return the name that the person had at the time; empty if the gateway acted."""
        return self.who or (self.user.get_username() if self.user else "")
