"""What the actions of a plan write about contacts: examples beforehand, progress, and failures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actions import catalog
from actions.catalog.promo_code import PromoCodeKind
from actions.codes import runway
from actions.contract import Permanent, Phase
from actions.effect import Preparing
from actions.models import Draw
from actions.plan.build import build
from sendouts.models import Batch, Decision, DecisionVerdict, EffectRun, PendingEffect
from sendouts.models.decision import through_an_index
from sendouts.models.effect import effects_of
from sendouts.wording.batch_sentences import number
from sendouts.wording.sentences import show_text

# Contacts shown as examples.
SHOWN = 5
# Rows searched for examples; the first ones may belong to contacts that do not get the message.
LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Sample:
    """The text to be written for one contact."""

    contact: str
    text: str


@dataclass(frozen=True, slots=True)
class Acting:
    """One action that writes: its progress, its faults, and examples of its texts."""

    identifier: str
    kind: str
    when: str
    progress: tuple[str, ...]
    trouble: str
    warning: str
    samples: tuple[Sample, ...]


def progress_by_step(batch: Batch) -> Mapping[int, tuple[str, ...]]:
    """Return the progress of each acting action, by its place in the plan."""
    return {run.step: _progress(run, batch) for run in EffectRun.objects.filter(batch=batch)}


def acting(batch: Batch, *, sees: bool) -> list[Acting]:
    """Return the actions that write, in order. sees: the reader may see contact ids."""
    found = []
    for run in EffectRun.objects.filter(batch=batch).order_by("step"):
        known = catalog.kinds().get(run.kind)
        found.append(
            Acting(
                identifier=run.identifier,
                kind=_(known.title) if known else run.kind,
                when=_("before the release") if run.phase == Phase.ENRICH else _("after the release"),
                progress=_progress(run, batch),
                trouble=_trouble(run),
                warning=_warning(batch, run),
                samples=tuple(_samples(batch, run)) if sees and run.ended_at is None else (),
            )
        )
    return found


def _progress(run: EffectRun, batch: Batch) -> tuple[str, ...]:
    if batch.decided_at is None and batch.is_open:
        text = ngettext("prepared for %(n)s contact", "prepared for %(n)s contacts", run.total)
        return (text % {"n": number(run.total)},)
    parts = []
    if run.done or not (run.left_out or run.refused):
        parts.append(
            _("done for %(n)s of %(total)s") % {"n": number(run.done), "total": number(run.total - run.left_out)}
        )
    if run.refused:
        parts.append(_("failed for %(n)s") % {"n": number(run.refused)})
    if run.left_out:
        parts.append(_("left out for %(n)s") % {"n": number(run.left_out)})
    return tuple(parts)


def _trouble(run: EffectRun) -> str:
    if run.error:
        return show_text(run.error)
    if not run.refused:
        return ""
    rows = PendingEffect.objects.filter(effects_of(run.batch_id), step=run.step, state=PendingEffect.State.REFUSED)
    with through_an_index():
        first = rows.order_by("decision_id").first()
    return show_text(first.text) if first is not None else ""


def _warning(batch: Batch, run: EffectRun) -> str:
    """Return a warning if a pool of codes is short after this batch; empty otherwise."""
    name = batch.plan.content["actions"][run.step]["config"] if run.kind == PromoCodeKind.name else "{}"
    draw = (
        Draw.objects.select_related("pool")
        .filter(batch_number=batch.pk, pool__name=json.loads(name).get("pool"))
        .first()
    )
    if draw is None:
        return ""
    reach = runway.beside(draw)
    if reach.free >= reach.size and not runway.is_low(draw.pool, reach.free):
        return ""
    names = {"pool": draw.pool.name, "free": number(reach.free), "n": number(reach.sendouts)}
    if not reach.free:
        return _("The pool “%(pool)s” is empty.") % names
    if not reach.sendouts:
        return (
            _("The pool “%(pool)s” has %(free)s free codes left, not enough for another sendout of this size.") % names
        )
    text = ngettext(
        "The pool “%(pool)s” has %(free)s free codes left, enough for %(n)s more sendout of this size.",
        "The pool “%(pool)s” has %(free)s free codes left, enough for %(n)s more sendouts of this size.",
        reach.sendouts,
    )
    return text % names


def _samples(batch: Batch, run: EffectRun) -> list[Sample]:
    """Return the first contacts of the file with a pending effect that may still get the message."""
    try:
        kind = build(run.kind, batch.plan.content["actions"][run.step]["config"])
    except Permanent:
        return []
    if not isinstance(kind, Preparing):
        return []
    rows = PendingEffect.objects.filter(effects_of(batch.pk), step=run.step).order_by("decision_id")
    with through_an_index():
        payloads = dict(rows.values_list("decision_id", "payload")[:LOOKED_AT])
    who = Decision.objects.filter(pk__in=payloads).exclude(verdict=DecisionVerdict.REJECTED).order_by("pk")
    if run.phase == Phase.TRANSFER:
        who = Decision.objects.filter(pk__in=payloads).order_by("pk")
    return [
        Sample(contact, kind.describe(json.loads(payloads[pk])))
        for pk, contact in who.values_list("pk", "contact_id")[:SHOWN]
    ]
