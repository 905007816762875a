"""The verbs for failed actions that write about contacts: go on without, send again."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from desk.verbs.base import VerbPage
from sendouts.models import Attention
from sendouts.stages import effects
from sendouts.verbs import GoWithout, SendAgain
from sendouts.wording.batch_sentences import number, quoted, title


class GoWithoutPage(VerbPage):
    """Release the accepted contacts although an action failed for some of them."""

    verb = GoWithout
    name, tone = "go-without", "danger"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and self.batch.attention == Attention.EFFECT_FAILED

    @property
    def _name(self) -> str:
        return quoted([self.batch.attention_data.get("identifier") or "–"])

    @property
    def button(self) -> str:
        return _("Go on without…")

    @property
    def question(self) -> str:
        return _("Go on without %(name)s?") % {"name": self._name}

    @property
    def confirm(self) -> str:
        return _("Go on without")

    @property
    def done(self) -> str:
        return _("The release goes on. Your name and note stay with the batch.")

    def consequences(self) -> list[str]:
        rows = self.batch.attention_data.get("rows", 0)
        text = ngettext(
            "%(n)s contact gets the message without what %(name)s was to write.",
            "%(n)s contacts get the message without what %(name)s was to write.",
            rows,
        )
        return [
            text % {"n": number(rows), "name": self._name},
            _("What was written for the others stays. So do the rejections."),
        ]


class SendAgainPage(VerbPage):
    """Retry informing other systems of the outcome after a permanent failure."""

    verb = SendAgain
    name, tone = "send-again", "primary"

    @property
    def is_possible(self) -> bool:
        return super().is_possible and bool(self._stuck)

    @property
    def _stuck(self) -> list[str]:
        return effects.stuck_transfers(self.batch.pk)

    @property
    def button(self) -> str:
        return _("Send again…")

    @property
    def question(self) -> str:
        return _("Send the outcome of “%(name)s” again?") % {"name": title(self.batch)}

    @property
    def confirm(self) -> str:
        return _("Send again")

    @property
    def done(self) -> str:
        return _("It is being sent again.")

    def consequences(self) -> list[str]:
        return [
            _("What %(names)s could not send is sent once more.") % {"names": quoted(self._stuck)},
            _("The message itself is not sent again."),
        ]
