"""The result of a rehearsal in sentences: the difference first, then the contacts, then what remains unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions.models import ActionDefinition
from sendouts.inquiries.rehearsal import Keeps, Left, Rehearsal, RehearsedChange, Why
from sendouts.models import DecisionVerdict
from sendouts.wording.batch_sentences import contacts, number, quoted, reason, title
from sendouts.wording.sentences import show_text

# Reasons shown; a list may give each entry its own.
REASONS = 50


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """Contacts with a different decision for one reason."""

    would_be: str
    text: str
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One such contact: the former decision, the new one, and why."""

    contact: str
    link: str
    was: str
    was_why: str
    would_be: str
    why: str
    action: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """Everything on the page about a rehearsal. `tone`: whether it changes anything, or could not be tried."""

    tone: str
    icon: str
    headline: str
    sentences: list[str]
    reasons: list[ReasonRow]
    samples: list[SampleRow]
    more_samples: str
    notes: list[str]
    sees: bool


def shown(found: Rehearsal, draft: ActionDefinition | None, *, sees: bool) -> ShownChange:
    """Write a rehearsal in words. sees: the reader may see contact ids."""
    untried = _draft_left(found, draft)
    moved = sum(found.moved.values())
    tone, icon = ("warning", "difference") if moved else ("success", "check")
    if untried or not found.tried:
        tone, icon = "danger", "block"
    samples = found.samples
    return ShownChange(
        tone=tone,
        icon=icon,
        headline=_not_tried(untried) if untried else _headline(found),
        sentences=list(_sentences(found)),
        reasons=list(_reasons(found)),
        samples=[_sample(found, change, sees=sees) for change in samples],
        more_samples=_write_moved(len(samples), moved) if samples else "",
        notes=list(_notes(found)),
        sees=sees,
    )


def _reasons(found: Rehearsal) -> Iterator[ReasonRow]:
    """Return the reasons, first those by which contacts lose the message, then by number."""
    ordered = sorted(found.reasons.items(), key=lambda item: (item[0][0] != DecisionVerdict.REJECTED, -item[1]))
    for (now, code, text, action), count in ordered[:REASONS]:
        yield ReasonRow(_verdict(now), reason(code, text) or _("every check passed"), action, count)


def _draft_left(found: Rehearsal, draft: ActionDefinition | None) -> Left | None:
    """Return why the draft itself could not be tried; None if it was."""
    if draft is None:
        return None
    for left in found.left:
        if any(origin.definition_id == (draft.pk or 0) for origin in left.action.origins):
            return left
    return None


def _not_tried(left: Left) -> str:
    name = {"action": left.action.identifier}
    match left.why:
        case Why.FIELDS:
            text = ngettext(
                "“%(action)s” could not be tried: it needs the field %(fields)s, which was not kept.",
                "“%(action)s” could not be tried: it needs the fields %(fields)s, which were not kept.",
                len(left.fields),
            )
            return text % {**name, "fields": quoted(left.fields)}
        case Why.SERVICE:
            return _("“%(action)s” was not tried: it asks a service. Choose to ask it, and try again.") % name
        case Why.WRITES:
            return _("“%(action)s” writes about contacts or tells of them, and is never tried on past ones.") % name
        case Why.UNSAID:
            return _("“%(action)s” could not be tried: its kind does not say which fields it needs.") % name
    return _("“%(action)s” could not be tried: %(why)s") % {**name, "why": show_text(left.text)}


def _headline(found: Rehearsal) -> str:
    if not found.tried:
        return _("Nothing could be tried: of this batch no decision of the checks is kept with its fields.")
    if found.more:
        text = ngettext(
            "%(share)s more would be rejected: %(n)s contact of %(tried)s that were tried.",
            "%(share)s more would be rejected: %(n)s contacts of %(tried)s that were tried.",
            found.more,
        )
        return text % _share(found, found.more)
    if found.fewer:
        text = ngettext(
            "%(share)s fewer would be rejected: %(n)s contact of %(tried)s that were tried.",
            "%(share)s fewer would be rejected: %(n)s contacts of %(tried)s that were tried.",
            found.fewer,
        )
        return text % _share(found, found.fewer)
    if found.moved:
        return _("Nobody more would be rejected, but some would be decided otherwise.")
    text = ngettext(
        "No difference: the %(n)s contact that was tried would be decided as it was.",
        "No difference: the %(n)s contacts that were tried would be decided as they were.",
        found.tried,
    )
    return text % {"n": number(found.tried)}


def _share(found: Rehearsal, count: int) -> dict[str, str]:
    share = 100 * count / found.tried
    percent = _("less than 0.1%%") % {} if share < 0.1 else _("%(share)s%%") % {"share": number(round(share, 1))}
    return {"share": percent, "n": number(count), "tried": number(found.tried)}


def _sentences(found: Rehearsal) -> Iterator[str]:
    """Return the remaining sentences about the difference."""
    if found.more and found.fewer:
        text = ngettext(
            "%(n)s contact would no longer be rejected.", "%(n)s contacts would no longer be rejected.", found.fewer
        )
        yield text % {"n": number(found.fewer)}
    if found.held:
        text = ngettext(
            "%(n)s contact that was accepted would be undecided, and hold the batch for a person.",
            "%(n)s contacts that were accepted would be undecided, and hold the batch for a person.",
            found.held,
        )
        yield text % {"n": number(found.held)}
    if found.settled:
        text = ngettext(
            "%(n)s contact that was undecided would be accepted.",
            "%(n)s contacts that were undecided would be accepted.",
            found.settled,
        )
        yield text % {"n": number(found.settled)}
    if found.unknown:
        text = ngettext(
            "%(n)s contact passes all that was tried, but an action that was left out would still have a say.",
            "%(n)s contacts pass all that was tried, but an action that was left out would still have a say.",
            found.unknown,
        )
        yield text % {"n": number(found.unknown)}


def _write_moved(count: int, moved: int) -> str:
    if count == moved:
        return _("All of them:")
    return ngettext("Here is %(n)s of them:", "Here are %(n)s of them:", count) % {"n": number(count)}


def _sample(found: Rehearsal, change: RehearsedChange, *, sees: bool) -> SampleRow:
    past = change.past
    row = past.pk & 0xFFFF_FFFF
    tabs = {DecisionVerdict.ACCEPTED: "accepted", DecisionVerdict.REJECTED: "rejected"}
    query = {"tab": tabs.get(DecisionVerdict(past.verdict), "undecided")} | ({"after": row - 1} if row else {})
    page = reverse("admin:sendouts_batch_change", args=[found.batch.pk])
    return SampleRow(
        contact=past.contact_id if sees else _("row %(row)s") % {"row": number(row + 1)},
        link=f"{page}?{urlencode(query)}#contacts",
        was=_verdict(DecisionVerdict(past.verdict)),
        was_why=reason(past.reason, past.text) if past.reason or past.text else "",
        would_be=_verdict(change.verdict),
        why=reason(change.code, change.text) if change.code or change.text else _("every check passed"),
        action=change.action,
    )


def _verdict(verdict: DecisionVerdict) -> str:
    return {
        DecisionVerdict.ACCEPTED: _("gets it"),
        DecisionVerdict.REJECTED: _("does not get it"),
        DecisionVerdict.UNDECIDED: _("undecided"),
    }[verdict]


def _notes(found: Rehearsal) -> Iterator[str]:
    """Return notes on the contacts and actions tried, those left out, and what cannot be known."""
    total = {"tried": number(found.tried), "all": contacts(found.batch.total), "name": title(found.batch)}
    if found.out_of_time:
        yield _("The time was used up: %(tried)s of %(all)s of “%(name)s” were tried.") % total
    elif not found.whole and found.keeps is Keeps.ALL:
        yield _("%(tried)s of %(all)s of “%(name)s” were tried, spread evenly over its file.") % total
    elif not found.whole:
        yield _("The first %(tried)s of those that did not get “%(name)s” were tried.") % total
    if found.keeps is Keeps.REJECTED:
        yield _(
            "This project keeps the fields of those who do not get it, and of nobody else: who of the others would be "
            "rejected cannot be known."
        )
    if found.not_comparable:
        text = ngettext(
            "%(n)s contact is left out: a person, the deadline or a rejection of the whole batch decided on it.",
            "%(n)s contacts are left out: a person, the deadline or a rejection of the whole batch decided on them.",
            found.not_comparable,
        )
        yield text % {"n": number(found.not_comparable)}
    if found.as_if_asked:
        yield _("The hook of this batch did not name this action; it was tried as if it had.")
    for left in found.left:
        yield _left_out(left)
    if found.undefined:
        text = ngettext(
            "Nobody has defined the action %(names)s, which the hook named: such a batch is held.",
            "Nobody has defined the actions %(names)s, which the hook named: such a batch is held.",
            len(found.undefined),
        )
        yield text % {"names": quoted(found.undefined)}
    for (identifier, sentence), count in found.failures.items():
        values = {"action": identifier, "why": show_text(sentence), "n": contacts(count)}
        yield _("“%(action)s” failed for %(n)s: %(why)s") % values


def _left_out(left: Left) -> str:
    if left.why is Why.WRITES:
        return _why_left_out(left)
    if left.judged:
        return _why_left_out(left) + " " + _("What it had said then still counts.")
    return _why_left_out(left) + " " + _("It had not judged this batch, so that what it would say is not known.")


def _why_left_out(left: Left) -> str:
    name = {"action": left.action.identifier}
    match left.why:
        case Why.WRITES:
            return _("“%(action)s” is left out: nothing is written, given or sent in a rehearsal.") % name
        case Why.SERVICE:
            return _("“%(action)s” is left out: it would ask a service.") % name
        case Why.FIELDS:
            text = ngettext(
                "“%(action)s” is left out: the field %(fields)s was not kept.",
                "“%(action)s” is left out: the fields %(fields)s were not kept.",
                len(left.fields),
            )
            return text % {**name, "fields": quoted(left.fields)}
        case Why.UNSAID:
            return _("“%(action)s” is left out: its kind does not say which fields it needs.") % name
    return _("“%(action)s” is left out: %(why)s") % {**name, "why": show_text(left.text)}
