"""The plan of a batch on its page: what was checked, in which order, where it came from, what it did."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions import catalog
from actions.contract import Phase
from sendouts.admin.effects import progress_by_step
from sendouts.models import Batch, Verdict
from sendouts.sentences import harmless, number, stored


@dataclass(frozen=True, slots=True)
class Check:
    """One action of the plan. `definition` is the id of what to look at, 0 where there is none."""

    place: int
    identifier: str
    kind: str
    details: str
    origins: tuple[str, ...]
    definition: int
    effects: tuple[str, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Contacts with one reason; `share` is in percent of those who do not simply get it."""

    tone: str
    text: str
    verdict: str
    action: str
    count: int
    share: int


def checks(batch: Batch) -> list[Check]:
    """The plan in order, and last what was asked for and nobody defined."""
    content: dict[str, Any] = batch.plan.content
    acts = progress_by_step(batch) if any(each["phase"] != Phase.CHECK for each in content["actions"]) else {}
    names = Counter(each["identifier"] for each in content["actions"])
    found = []
    for place, each in enumerate(content["actions"], 1):
        name = each["identifier"]
        found.append(
            Check(
                place=place,
                identifier=name,
                kind=_kind(each["kind"]),
                details=harmless(each["details"]),
                origins=_origins(each),
                definition=each["origins"][0]["definition_id"],
                # Counts go by identifier; where two actions share one, nobody can tell them apart.
                effects=acts.get(place - 1) or (_effects(batch, name) if names[name] == 1 else ()),
                failures=tuple(_failure(one) for one in batch.failures if one["step"] == place - 1),
            )
        )
    for each in content["unknown"]:
        found.append(
            Check(0, each["identifier"], "", harmless(each["details"]), (_("hook"),), 0, (_("nobody defined it"),), ())
        )
    return found


def _kind(name: str) -> str:
    known = catalog.kinds().get(name)
    return _(known.title) if known else name


def _origins(planned: dict[str, Any]) -> tuple[str, ...]:
    words = {"project": _("project"), "sendout": _("sendout")}
    levels = dict.fromkeys(words[origin["level"]] for origin in planned["origins"])
    asked = any(origin["asked"] for origin in planned["origins"])
    return (*levels, *((_("hook"),) if asked else ()))


def _effects(batch: Batch, identifier: str) -> tuple[str, ...]:
    counts: Counter[int] = Counter()
    for verdict, _code, _text, action, count in batch.reasons:
        if action == identifier:
            counts[verdict] += count
    texts = []
    if counts[Verdict.REJECTED]:
        texts.append(_("rejected %(n)s") % {"n": number(counts[Verdict.REJECTED])})
    if counts[Verdict.UNDECIDED]:
        texts.append(_("could not judge %(n)s") % {"n": number(counts[Verdict.UNDECIDED])})
    if not texts and batch.total:
        texts.append(_("objected to nobody"))
    return tuple(texts)


def _failure(failure: dict[str, Any]) -> str:
    rows = failure["contacts"]
    became = {
        "reject": ngettext("%(n)s contact rejected", "%(n)s contacts rejected", rows),
        "accept": ngettext("%(n)s contact let pass", "%(n)s contacts let pass", rows),
    }.get(failure["became"], ngettext("%(n)s contact held", "%(n)s contacts held", rows))
    return f"{stored(failure['sentence'])} {became % {'n': number(rows)}}."


def reason_lines(batch: Batch, why: Any) -> list[ReasonLine]:
    """The reasons of a batch, most frequent first. why: the sentence of a code and text."""
    total = sum(count for verdict, *_rest, count in batch.reasons if verdict != Verdict.ACCEPTED)
    words = {Verdict.REJECTED: _("do not get it"), Verdict.UNDECIDED: _("undecided"), Verdict.ACCEPTED: _("get it")}
    tones = {Verdict.REJECTED: "rejected", Verdict.UNDECIDED: "undecided", Verdict.ACCEPTED: "accepted"}
    lines = []
    for verdict, code, text, action, count in batch.reasons[:40]:
        share = 0 if verdict == Verdict.ACCEPTED or not total else max(1, round(100 * count / total))
        lines.append(ReasonLine(tones[verdict], why(code, text), words[verdict], action, count, share))
    return lines
