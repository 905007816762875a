"""Why a batch waits for a person: the codes of `held_for`, and the hold of a person."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from actions.models import AtDeadline


class HoldReason(models.TextChoices):
    """Why a batch waits for a person; sendouts.wording.batch_sentences adds names and numbers, if there are any."""

    UNKNOWN_PROJECT = "unknown_project", _("The project is not set up here.")
    UNKNOWN_ACTION = "unknown_action", _("An action is not defined here.")
    EMPTY_PLAN = (
        "empty_plan",
        _("No action was asked for and none always runs, so nobody has checked these contacts."),
    )
    UNDECIDED = "undecided", _("Some contacts could not be judged.")
    SHARED_URI = (
        "shared_uri",
        _("Contacts share one reject address and are decided differently: one rejection would stop all of them."),
    )
    NO_CONTACTS = "no_contacts", _("The contact file is complete, but there is nobody in it.")
    ACTION_FAILED = "action_failed", _("An action failed.")
    EVERYBODY_REJECTED = "everybody_rejected", _("The checks rejected everybody.")
    # Unusual compared with earlier batches.
    UNUSUAL_SHARE = "unusual_share", _("An unusual share of the contacts does not get it.")
    UNUSUAL_SIZE = "unusual_size", _("It has an unusual number of contacts.")
    CHECK_NOBODY = "check_nobody", _("A check rejected nobody, which is unusual.")
    CHECK_EVERYBODY = "check_everybody", _("A check rejected everybody, which is unusual.")
    ALWAYS = "always", _("Every batch of this sendout waits for a person.")
    STOPPED = "stopped", _("A person stopped its release. Accept or reject it.")
    WAS_ON_HOLD = "was_on_hold", _("It was on hold when its checks ran again. Accept or reject it.")
    RESTORED = (
        "restored",
        _(
            "It comes from a backup, and may have been answered since. Look in Symplify first: rejections and the "
            "release may be called twice."
        ),
    )
    CHANGED = "changed", _("Every contact is decided now, some by a person. Accept or reject the batch.")


UNUSUAL = (
    HoldReason.UNUSUAL_SHARE,
    HoldReason.UNUSUAL_SIZE,
    HoldReason.CHECK_NOBODY,
    HoldReason.CHECK_EVERYBODY,
)
# Reasons that outlast checks that run again.
KEPT = (HoldReason.RESTORED, HoldReason.STOPPED, HoldReason.WAS_ON_HOLD)
# Unchecked batches: no check or person has accepted the contacts that count as accepted so far.
UNJUDGED = (HoldReason.UNKNOWN_PROJECT, HoldReason.UNKNOWN_ACTION, HoldReason.EMPTY_PLAN)


class Hold(models.Model):
    """The hold of one batch: its author and reason. Deleted when the hold is lifted; the events keep the history."""

    batch = models.OneToOneField("sendouts.Batch", primary_key=True, on_delete=models.CASCADE, related_name="hold")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(_("note"))
    at = models.DateTimeField(_("time"))
    # The declared deadline action, which applies again once the hold is lifted.
    declared = models.CharField(_("at the deadline"), max_length=10, choices=AtDeadline)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return str(self.batch_id)
