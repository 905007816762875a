"""The plan of a batch on its page: each action's place, origin, settings, effects, and the contacts left after it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from actions import catalog
from actions.contract import Phase, Word
from desk.batch.effects import progress_by_step
from desk.batch.parts.parameters import Parameter, details, parameters
from sendouts.models import Batch, DecisionVerdict, Outcome, Status
from sendouts.models.decision import SETTLED, DecisionReason
from sendouts.wording.batch_sentences import number
from sendouts.wording.sentences import show_text


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One action of the plan. `definition`: id to link to, 0 if there is none; `left`: contacts after it."""

    place: int
    identifier: str
    kind: str
    origins: tuple[str, ...]
    definition: int
    effects: tuple[str, ...]
    failures: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    details: tuple[Parameter, ...] = ()
    left: str = ""


def checks(batch: Batch) -> list[CheckLine]:
    """Return the plan in order, then people's changes, and last the requested actions without a definition."""
    content: dict[str, Any] = batch.plan.content
    acts = progress_by_step(batch) if any(each["phase"] != Phase.CHECK for each in content["actions"]) else {}
    names = Counter(each["identifier"] for each in content["actions"])
    left = _count_left(batch, content["actions"])
    found = []
    for place, each in enumerate(content["actions"], 1):
        name = each["identifier"]
        # Counts are kept by identifier, so actions that share one cannot be told apart.
        counted = _effects(batch, name) if names[name] == 1 and each["phase"] != Phase.TRANSFER else ()
        written = acts.get(place - 1, ())
        rejects = counted if any(key == name for *_, key, _count in batch.reasons) else ()
        found.append(
            CheckLine(
                place=place,
                identifier=name,
                kind=_kind(each["kind"]),
                origins=_origins(each),
                definition=each["origins"][0]["definition_id"],
                effects=(*written, *rejects) if written else counted,
                failures=tuple(_failure(one) for one in batch.failures if one["step"] == place - 1),
                parameters=tuple(parameters(each["kind"], each["config"])),
                details=tuple(details(each["details"])),
                left=left[place - 1],
            )
        )
    found += _people_lines(batch, left)
    for each in content["unknown"]:
        told = tuple(details(each["details"]))
        found.append(CheckLine(0, each["identifier"], "", (_("hook"),), 0, (_("nobody defined it"),), (), details=told))
    return found


def _kind(name: str) -> str:
    known = catalog.kinds().get(name)
    return _(known.title) if known else name


def _origins(planned: dict[str, Any]) -> tuple[str, ...]:
    words = {"project": _("project"), "sendout": _("sendout")}
    levels = dict.fromkeys(words[origin["level"]] for origin in planned["origins"])
    asked = any(origin["asked"] for origin in planned["origins"])
    return (*levels, *((_("hook"),) if asked else ()))


def _count_verdicts(batch: Batch, identifier: str) -> Counter[int]:
    counts: Counter[int] = Counter()
    for verdict, _code, _text, action, count in batch.reasons:
        if action == identifier:
            counts[verdict] += count
    return counts


def _effects(batch: Batch, identifier: str) -> tuple[str, ...]:
    counts = _count_verdicts(batch, identifier)
    texts = []
    if counts[DecisionVerdict.REJECTED]:
        texts.append(_("rejected %(n)s") % {"n": number(counts[DecisionVerdict.REJECTED])})
    if counts[DecisionVerdict.UNDECIDED]:
        texts.append(_("could not judge %(n)s") % {"n": number(counts[DecisionVerdict.UNDECIDED])})
    if not texts and batch.total and batch.status != Status.PLANNED:
        texts.append(_("objected to nobody"))
    return tuple(texts)


def _count_left(batch: Batch, actions: list[dict[str, Any]]) -> list[str]:
    """Return the contacts left after each action, which the next action sees. Empty before they are counted."""
    if batch.status == Status.PLANNED or not batch.total:
        return [""] * len(actions)
    last = {each["identifier"]: place for place, each in enumerate(actions)}
    left = _count_readable(batch)
    found = []
    for place, each in enumerate(actions):
        if each["phase"] == Phase.TRANSFER:
            # A transfer receives the outcome; it neither accepts nor rejects contacts.
            found.append("")
            continue
        if place == last[each["identifier"]]:
            counts = _count_verdicts(batch, each["identifier"])
            left -= counts[DecisionVerdict.REJECTED] + counts[DecisionVerdict.UNDECIDED]
            found.append(number(max(0, left)))
        else:
            found.append("–")
    return found


def _count_readable(batch: Batch) -> int:
    """Count the contacts that the first action saw: all but unreadable rows.

    A row stays excluded even if a person has decided on it since.
    """
    unread = sum(
        count
        for verdict, code, _text, action, count in batch.reasons
        if verdict == DecisionVerdict.UNDECIDED and not action and code not in {*SETTLED, DecisionReason.STOPPED}
    )
    return batch.total - unread


def _people_lines(batch: Batch, left: list[str]) -> Iterator[CheckLine]:
    """Return the decisions of people, which follow the last action."""
    people: Counter[int] = Counter()
    for verdict, code, _text, action, count in batch.reasons:
        if code in SETTLED and not action:
            people[verdict] += count
    whole = Status.REFUSED in (batch.status, batch.outcome) or batch.outcome == Outcome.REFUSED
    if not any(people.values()) or whole:
        return
    texts = []
    if people[DecisionVerdict.ACCEPTED]:
        texts.append(pgettext("people", "put back %(n)s") % {"n": number(people[DecisionVerdict.ACCEPTED])})
    if people[DecisionVerdict.REJECTED]:
        texts.append(pgettext("people", "rejected %(n)s") % {"n": number(people[DecisionVerdict.REJECTED])})
    yield CheckLine(0, _("people"), "", (), 0, tuple(texts), (), left=number(batch.accepted) if any(left) else "")


def _failure(failure: dict[str, Any]) -> str:
    rows = failure["contacts"]
    became = {
        Word.REJECT: ngettext("%(n)s contact rejected", "%(n)s contacts rejected", rows),
        Word.ACCEPT: ngettext("%(n)s contact let pass", "%(n)s contacts let pass", rows),
    }.get(failure["became"], ngettext("%(n)s contact held", "%(n)s contacts held", rows))
    return f"{show_text(failure['sentence'])} {became % {'n': number(rows)}}."
