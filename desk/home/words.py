"""The lines of the home page for its templates: every number and sentence in the reader's language."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from desk.home.figures.in_progress import WorkInProgress
from desk.home.figures.in_review import ReviewLine
from sendouts.wording.batch_sentences import column_time, contacts, number, percent, span, time_of


@dataclass(frozen=True, slots=True)
class Waits:
    """One waiting line. `verbs`: (address, button) for a set of singles."""

    line: ReviewLine
    url: str
    where: str
    kind: str
    tone: str
    before: str
    get: str
    of: str
    lost: str
    compared: str
    far: bool
    trouble: str
    unattended: str
    then: str
    button: str
    verbs: list[tuple[str, str]]


def waits(line: ReviewLine, now: datetime, *, decides: bool) -> Waits:
    """Write one waiting line. decides: the reader may decide."""
    left = line.decide_before - now
    late, soon = timedelta(minutes=5), timedelta(seconds=line.soon_seconds)
    unattended, then = _describe_policy(line, now)
    single = line.batch is None
    return Waits(
        line=line,
        url=reverse("desk:singles", args=[line.sendout])
        if single
        else reverse("admin:sendouts_batch_change", args=[line.batch]),
        where=_where(line.project, line.journey),
        kind=_kind(line),
        tone="late" if left < late else "soon" if left < soon else "calm",
        before=_("decide before %(time)s") % {"time": time_of(line.decide_before, now)}
        if left > timedelta()
        else _("decide at once"),
        get=number(line.accepted),
        of=_("of %(all)s") % {"all": number(line.total)},
        lost=number(line.not_getting),
        compared=_compared(line),
        far=_far(line),
        trouble=_trouble(line),
        unattended=unattended,
        then=then,
        button=pgettext("verb", "Review") if decides else _("See the singles") if single else _("See the batch"),
        verbs=_verbs(line) if single and decides else [],
    )


def _where(project: str, journey: str) -> str:
    return " · ".join(part for part in (project, journey) if part)


def _kind(line: ReviewLine) -> str:
    if line.batch is not None:
        return ""
    return ngettext("%(n)s single", "%(n)s singles", line.count) % {"n": number(line.count)}


def _trouble(line: ReviewLine) -> str:
    if not line.troubled:
        return ""
    if line.batch is None:
        text = ngettext("%(n)s of them needs attention", "%(n)s of them need attention", line.troubled)
        return text % {"n": number(line.troubled)}
    if not line.total:
        return _("no contact was read")
    return contacts(line.total)


def _compared(line: ReviewLine) -> str:
    share = percent(line.share)
    if line.batch is None:
        return share
    if line.usual is None:
        return _("%(share)s, no comparison yet") % {"share": share}
    return _("%(share)s, usually %(usual)s") % {"share": share, "usual": percent(line.usual.share)}


def _far(line: ReviewLine) -> bool:
    return line.usual is not None and line.usual.stands_out(line.share) > 0


def _describe_policy(line: ReviewLine, now: datetime) -> tuple[str, str]:
    """Return what happens without a decision: a word and a sentence."""
    time = {"time": time_of(line.acts_at or line.deadline, now)}
    left = line.count - line.accepting - line.rejecting
    if line.accepting and not left and not line.rejecting:
        text = ngettext("%(n)s gets it at %(time)s", "%(n)s get it at %(time)s", line.accepted)
        return _("Accept"), text % {**time, "n": number(line.accepted)}
    if line.rejecting and not left and not line.accepting:
        return _("Reject"), _("nobody gets it, all are rejected at %(time)s") % time
    if left == line.count:
        return _("Leave"), _("nobody gets it")
    parts = (
        (line.accepting, ngettext("%(n)s accepted", "%(n)s accepted", line.accepting)),
        (line.rejecting, ngettext("%(n)s rejected", "%(n)s rejected", line.rejecting)),
        (left, ngettext("%(n)s timed out", "%(n)s timed out", left)),
    )
    return _("Not the same for all"), ", ".join(text % {"n": number(count)} for count, text in parts if count)


def _verbs(line: ReviewLine) -> list[tuple[str, str]]:
    count = line.count - line.troubled
    if not count:
        return []
    n = {"n": number(count)}
    return [
        (reverse("desk:singles_accept", args=[line.sendout]), _("Accept all %(n)s…") % n),
        (reverse("desk:singles_refuse", args=[line.sendout]), _("Reject all %(n)s…") % n),
    ]


@dataclass(frozen=True, slots=True)
class InWork:
    """One line in work; `late`: it will not be ready in time."""

    work: WorkInProgress
    url: str
    where: str
    stage: str
    detail: str
    ready: str
    spare: str
    late: bool


def in_work(work: WorkInProgress, now: datetime) -> InWork:
    """Write one line in work."""
    singles = work.batch is None
    address = (
        reverse("admin:sendouts_batch_changelist")
        + f"?show=work&source__exact=single&sendout__id__exact={work.sendout}"
    )
    ready, spare, late = _describe_forecast(work, now)
    return InWork(
        work=work,
        url=address if singles else reverse("admin:sendouts_batch_change", args=[work.batch]),
        where=_where(work.project, work.journey),
        stage=_stage(work),
        detail=_detail(work),
        ready=ready,
        spare=spare,
        late=late,
    )


def _stage(work: WorkInProgress) -> str:
    if work.stage == "singles":
        return ngettext("%(n)s single", "%(n)s singles", work.count) % {"n": number(work.count)}
    word = {
        "received": _("Received"),
        "screening": _("Screening"),
        "screened": _("Screened"),
        "sending": _("Sending rejections"),
        "writing": _("Writing to contacts"),
        "releasing": _("Releasing"),
    }[work.stage]
    if work.percent is None or work.guessed:
        return word
    return f"{word} {percent(work.percent)}"


def _detail(work: WorkInProgress) -> str:
    done = number(work.done)
    match work.stage:
        case "received":
            return _("the contact file is being downloaded")
        case "screening" if work.of and not work.guessed:
            about = number(max(work.done, round(work.of, -2)))
            return _("%(done)s of about %(all)s contacts") % {"done": done, "all": about}
        case "screening" if work.of:
            return _("%(done)s contacts read, usually about %(usual)s") % {"done": done, "usual": number(work.of)}
        case "screening":
            return _("%(done)s contacts read so far") % {"done": done}
        case "screened":
            return contacts(work.done)
        case "sending":
            return _("%(done)s of %(all)s") % {"done": done, "all": number(work.of or 0)}
        case "writing":
            return _("before the release")
        case "releasing":
            return ngettext("%(n)s message", "%(n)s messages", work.done) % {"n": done}
    return _("in work")


def _describe_forecast(work: WorkInProgress, now: datetime) -> tuple[str, str, bool]:
    """Return the forecast: when, the time to spare, and whether that is too late."""
    deadline = _("deadline %(time)s") % {"time": column_time(work.deadline, now)}
    if work.ready_at is None or work.spare is None:
        return (_("Forecast in a few seconds") if work.early else ""), deadline, False
    if work.spare <= timedelta():
        return _("Not ready before the deadline"), deadline, True
    time = {"time": time_of(work.ready_at, now)}
    ready = _("Ready about %(time)s") % time if work.guessed else _("Ready %(time)s") % time
    if work.silent:
        ready = _("Ready %(time)s at the earliest") % time
    return ready, _("%(span)s to spare") % {"span": span(work.spare)}, False


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One setup step before hooks can arrive, with a link if a page of the desk does it."""

    text: str
    url: str = ""
    link: str = ""


def first_steps(user: User) -> list[FirstStep]:
    """Return the setup steps of a new gateway for people who may do them; others learn that they need do nothing."""
    if not user.has_perm("actions.add_project"):
        return [FirstStep(_("The first sendout appears here as soon as the platform has sent its hook."))]
    address = {"url": f"{settings.BASE_URL}/webhooks/symplify/"}
    return [
        FirstStep(
            _("Set up a project under the name that it has in the platform, and the actions that check its contacts."),
            reverse("admin:actions_project_changelist"),
            _("Projects"),
        ),
        FirstStep(
            _("In the platform, enter %(url)s as webhook in the account settings, with its credential.") % address
        ),
        FirstStep(
            _("If the platform uses a host of its own, allow it."),
            reverse("admin:sendouts_allowedhost_changelist"),
            _("Allowed hosts"),
        ),
        FirstStep(_("Send a campaign with Send Gate Plus to yourself. It appears here as soon as its hook has come.")),
    ]
