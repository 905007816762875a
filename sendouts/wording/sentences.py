"""Registry of sentences that the gateway stores as codes, and the display of stored texts."""

from django.utils.formats import localize
from django.utils.translation import gettext, ngettext

# Import each module that declares sentences before one is shown; catalog.kinds() loads the kinds below.
from actions import catalog
from actions.codes import draw, refill  # noqa: F401
from actions.contract import Sentences, gettext_noop
from actions.plan import failures  # noqa: F401
from actions.sentences import write
from actions.suppression import lookups  # noqa: F401
from sendouts.models.attention import AttentionData
from sendouts.symplify import payload  # noqa: F401


class HookDetail(Sentences):
    """Outcomes of a hook that is not planned."""

    OTHER_EVENT = "hook.other_event", gettext_noop("Keys: %(keys)s")
    TRIED_AGAIN = "hook.tried_again", gettext_noop("Planning failed %(times)s times (%(error)s); it is tried again.")
    KEY_MISSING = (
        "hook.key_missing",
        gettext_noop("No key in ENCRYPTION_KEYS opens this hook: put the old key back. It is tried again."),
    )
    GIVEN_UP = (
        "hook.given_up",
        gettext_noop("Planning ended the worker %(times)s times; it is not tried again by itself."),
    )
    RESTORED = (
        "hook.restored",
        gettext_noop("It comes from a backup, and may have been answered since; it is not planned by itself."),
    )


class EffectFailure(Sentences):
    """Reasons why the gateway itself gave up an effect."""

    WORKER_DIED = "effect.worker_died", gettext_noop("A worker died of it again and again.")
    RESTORED = "effect.restored", gettext_noop("It comes from a backup, and may have been sent since.")


def show_text(text: str) -> str:
    """Return a stored text in the reader's language; texts of staff and foreign kinds stay unchanged."""
    catalog.kinds()
    return write(text, gettext)


def describe_backup(data: AttentionData) -> str:
    """Return what a restored backup knows of a batch's calls, as the end of a sentence."""
    calls = (
        gettext("rejections sent by then: %(n)s; release called")
        if data.get("released")
        else gettext("rejections sent by then: %(n)s; release not called")
    ) % {"n": str(localize(data.get("sent", 0)))}
    return gettext("it comes from a backup, and what followed is not known here (%(calls)s)") % {"calls": calls}


def describe_refusal(data: AttentionData) -> str:
    """Return why a batch cannot be rejected whole, as the end of a sentence."""
    if not data.get("complete", True):
        return gettext(
            "it cannot be rejected whole, its contact file is not complete; who is missing in it will time out"
        )
    rows = data.get("rows", 0)
    if not rows:
        return gettext(
            "a rejection of a whole batch is not completed here, as the settings say; the contacts will time out"
        )
    return ngettext(
        "it cannot be rejected whole, %(n)s row has no address to reject it; it will time out",
        "it cannot be rejected whole, %(n)s rows have no address to reject them; they will time out",
        rows,
    ) % {"n": str(localize(rows))}
