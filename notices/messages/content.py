"""The content of one message, built from the current rows when it is due; None if it became pointless."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions.models import Sendout
from notices.messages import ask, subjects
from notices.messages.due import HELD, WINDOW, is_held
from notices.models import Message, Occasion
from sendouts.models import Batch, Status
from sendouts.outlook.forecast import answer_before
from sendouts.outlook.progress import step_before
from sendouts.verbs.settle import may_be_whole
from sendouts.verbs.use_file import can_be_saved
from sendouts.wording.batch_sentences import contacts, holds, number, span

# From most urgent to merely informative.
TONES = ("urgent", "trouble", "waiting", "over")


@dataclass(frozen=True, slots=True)
class MessageText:
    """One message in its reader's language. tone: one of TONES; data: the same for programs."""

    subject: str
    headline: str
    lines: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str], ...]
    button: str
    url: str
    tone: str
    topic: str
    until: datetime | None = None
    more: tuple[tuple[str, str], ...] = ()
    data: dict[str, Any] = field(default_factory=dict)


def say(message: Message, now: datetime) -> MessageText | None:
    """Build the content of a message at `now`; None if it is not needed any more."""
    if message.batch_id is None:
        return _describe_singles(message, now)
    rows = Batch.objects.select_related("project", "sendout", "plan").defer("finish_uri", "download_uri")
    batch = rows.get(pk=message.batch_id)
    if message.occasion == Occasion.ENDED:
        return _ended(batch, now) if batch.status == message.detail else None
    if not is_held(batch) or now >= batch.deadline:
        return None
    if message.occasion == Occasion.ASKED:
        return _asked(message, batch, now)
    if message.occasion == Occasion.ATTENTION and batch.attention != message.detail:
        return None
    return _held(batch, Occasion(message.occasion), now)


def _held(batch: Batch, occasion: Occasion, now: datetime) -> MessageText:
    """Describe a batch that waits for a decision, or that cannot go on."""
    decides = batch.status == Status.IN_REVIEW and occasion != Occasion.ATTENTION
    before = answer_before(batch, now)
    words = {
        "name": subjects.name_of(batch),
        "get": number(batch.accepted),
        "all": contacts(batch.total),
        "time": subjects.until(before, now),
        "left": span(before - now),
    }
    if not decides:
        subject = _("%(name)s cannot go on, answer before %(time)s")
    elif occasion == Occasion.HALF_GONE:
        subject = _("%(name)s still waits: half of its time is gone, answer before %(time)s")
    elif occasion == Occasion.NEARLY_GONE:
        subject = _("%(name)s still waits: %(left)s left, answer before %(time)s")
    elif batch.total:
        subject = _("%(name)s: %(get)s of %(all)s would get it, answer before %(time)s")
    else:
        subject = _("%(name)s waits for a decision, answer before %(time)s")
    tone = "urgent" if occasion == Occasion.NEARLY_GONE else "waiting"
    return MessageText(
        subject=subject % words,
        headline=subjects.result(batch) if decides else subjects.stops(batch),
        lines=(
            _("%(left)s left, until %(time)s.") % words,
            *(holds(batch) if batch.status == Status.IN_REVIEW else []),
            subjects.if_nobody(batch, now),
        ),
        button=pgettext("verb", "Review") if decides else _("See the batch"),
        tone=tone if decides else "trouble",
        until=before,
        **_about(batch, occasion, now, before),
    )


def _asked(message: Message, batch: Batch, now: datetime) -> MessageText | None:
    """Describe the question of a person; None if the step is no longer to be taken."""
    step, asker = ask.asked_step(message)
    if asker is None or not _is_open_step(step, batch):
        return None
    before = step_before(batch, step, now)
    words = {
        "who": subjects.plain(asker.get_username()),
        "name": subjects.name_of(batch),
        "n": contacts(batch.total),
        "time": subjects.until(before, now),
        "left": span(before - now),
    }
    headline = {
        "whole-file": _("%(who)s asks you whether %(n)s are the whole contact file of “%(name)s”."),
        "use-file": _("%(who)s asks you to look at another contact file for “%(name)s”: contacts would be lost."),
    }.get(step, _("%(who)s asks you to decide on “%(name)s”."))
    return MessageText(
        subject=_("%(who)s asks you: %(name)s, answer before %(time)s") % words,
        headline=headline % words,
        lines=(
            _("Their message, if there is one, stands in the history of the batch."),
            _("%(left)s left, until %(time)s.") % words,
            *([subjects.stops(batch)] if batch.attention else []),
            subjects.if_nobody(batch, now),
        ),
        button=_("See the batch"),
        tone="urgent",
        until=before,
        **_about(batch, Occasion.ASKED, now, before),
    )


def _is_open_step(step: str, batch: Batch) -> bool:
    match step:
        case "whole-file":
            return may_be_whole(batch)
        case "use-file":
            return can_be_saved(batch)
    return batch.status == Status.IN_REVIEW


def _ended(batch: Batch, now: datetime) -> MessageText:
    subject, headline = subjects.end(batch, now)
    decided = subjects.decided_by(batch)
    return MessageText(
        subject=subject,
        headline=headline,
        lines=(decided,) if decided else (),
        button=_("See the batch"),
        tone="over",
        **_about(batch, Occasion.ENDED, now),
    )


def _about(batch: Batch, occasion: Occasion, now: datetime, before: datetime | None = None) -> dict[str, Any]:
    """Return what every message about a batch has: the numbers, the link, and the fields for programs."""
    url = settings.BASE_URL + reverse("admin:sendouts_batch_change", args=[batch.pk])
    data = {
        "occasion": occasion.value,
        "batch": batch.pk,
        "project": batch.project.name,
        "journey": batch.sendout.journey,
        "sendout": batch.sendout.name,
        "status": batch.status,
        "outcome": batch.outcome or None,
        "attention": batch.attention or None,
        "total": batch.total,
        "accepted": batch.accepted,
        "rejected": batch.rejected,
        "undecided": batch.undecided,
        "unread": batch.unread,
        "received_at": batch.received_at.isoformat(),
        "answer_before": before.isoformat() if before else None,
        "deadline": batch.deadline.isoformat(),
        "url": url,
    }
    shown = {"figures": tuple(subjects.figures(batch)), "reasons": tuple(subjects.reasons(batch))}
    return {**shown, "url": url, "topic": f"batch-{batch.pk}", "data": data}


def _describe_singles(message: Message, now: datetime) -> MessageText | None:
    """Build the message about all singles of a sendout in this state now."""
    sendout = Sendout.objects.select_related("project").get(pk=message.sendout_id)
    ended = message.occasion == Occasion.ENDED
    if ended:
        where = _filter_unreported(message)
    elif message.occasion == Occasion.ATTENTION:
        where = HELD & Q(deadline__gt=now, attention=message.detail)
    else:
        where = HELD & Q(deadline__gt=now)
    singles = Batch.objects.filter(where, sendout=sendout, source=Batch.Source.SINGLE).order_by()
    count = singles.count()
    first = singles.select_related("project", "plan").order_by("deadline", "pk").first()
    if first is None:
        return None
    oldest = answer_before(first, now)
    headline = subjects.singles(Occasion(message.occasion), count, sendout, subjects.until(oldest, now))
    query = {"project__id__exact": sendout.project_id, "source__exact": "single", "q": sendout.name}
    query |= {"show": Status.EXPIRED.value} if ended else {}
    url = f"{settings.BASE_URL}{reverse('admin:sendouts_batch_changelist')}?{urlencode(query)}"
    data = {
        "occasion": message.occasion,
        "batch": None,
        "project": sendout.project.name,
        "journey": sendout.journey,
        "sendout": sendout.name,
        "singles": count,
        "answer_before": None if ended else oldest.isoformat(),
        "deadline": first.deadline.isoformat(),
        "url": url,
    }
    return MessageText(
        subject=headline.rstrip("."),
        headline=headline,
        lines=() if ended else (_("You find them together in the list of batches."),),
        figures=((_("Project"), subjects.plain(sendout.project.name)),),
        reasons=(),
        button=_("See them"),
        url=url,
        tone="over" if ended else "trouble" if message.occasion == Occasion.ATTENTION else "waiting",
        topic=f"singles-{sendout.pk}",
        until=None if ended else oldest,
        data=data,
    )


def _filter_unreported(message: Message) -> Q:
    """Select expired singles that no message reported: those of the ten minutes, and earlier ones without a message."""
    whom = {"user": message.user_id, "channel": message.channel_id}
    same = Message.objects.filter(sendout=message.sendout_id, occasion=message.occasion, detail=message.detail, **whom)
    window: Any = message.window
    earlier = same.filter(window__gte=window - timedelta(days=1), window__lt=window, state__in=["sent", "lost"])
    last = earlier.order_by("-window").values_list("at", flat=True).first()
    since = last or window - WINDOW
    return Q(status=Status.EXPIRED, ended_at__gt=since, deadline__gt=since - timedelta(days=1))


def digest(said: list[MessageText], now: datetime) -> MessageText:
    """Combine many messages to one reader; keep only the latest about each batch."""
    said = list(
        {each.topic if each.topic.startswith("batch-") else index: each for index, each in enumerate(said)}.values()
    )
    waiting = [each.until for each in said if each.until is not None]
    words = {"n": number(len(said))}
    if waiting:
        text = ngettext(
            "%(n)s sendout needs somebody, the first before %(time)s",
            "%(n)s sendouts need somebody, the first before %(time)s",
            len(waiting),
        )
        subject = text % {"n": number(len(waiting)), "time": subjects.until(min(waiting), now)}
    else:
        subject = ngettext("%(n)s sendout is over", "%(n)s sendouts are over", len(said)) % words
    first = sorted(said, key=lambda each: (each.until is None, each.until or now))
    url = settings.BASE_URL + reverse("admin:sendouts_batch_changelist")
    return MessageText(
        subject=subject,
        headline=f"{subject}.",
        lines=(),
        figures=(),
        reasons=(),
        button=_("See the list"),
        url=url,
        tone=next(tone for tone in TONES if any(each.tone == tone for each in said)),
        topic="digest",
        more=tuple((each.subject, each.url) for each in first),
        data={"occasion": "digest", "messages": [each.data for each in first], "url": url},
    )


def left_out(said: MessageText, shown: int) -> list[str]:
    """Return one sentence that says how many entries a digest leaves out; empty if it shows all."""
    more = len(said.more) - shown
    if more <= 0:
        return []
    return [ngettext("And %(n)s more in the list.", "And %(n)s more in the list.", more) % {"n": number(more)}]


def trial(name: str) -> MessageText:
    """Compose a trial message that only confirms delivery."""
    text = _("This is a trial: messages for “%(name)s” arrive here.") % {"name": subjects.plain(name)}
    url = settings.BASE_URL + reverse("admin:index")
    return MessageText(
        text, text, (), (), (), _("Open the desk"), url, "over", "trial", data={"occasion": "trial", "url": url}
    )
