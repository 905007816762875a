"""Preview of the plan that a hook would get today, in words. It uses the same merging as hooks."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from actions.catalog import phases
from actions.config import durations
from actions.config.describe import config_lines, kind_title
from actions.contract import Phase
from actions.models import (
    AtDeadline,
    OnFailure,
    Project,
    Review,
    RunWhen,
    Sendout,
    definitions_for,
    policy,
    unattended,
)
from actions.plan.merge import NO_DETAILS, Asked, Origin, PlannedAction, folded, merge


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One action of the plan. `parameters` are label and value of settings other than the defaults."""

    phase: str
    identifier: str
    kind: str
    details: str
    origins: tuple[Origin, ...]
    parameters: tuple[tuple[str, str], ...]
    on_failure: str


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """The plan, identifiers without definition, the policies, and warnings on policies that need staff on duty.

    `rules` are label, value and source of each policy. `words` are the project's words for nothing.
    """

    steps: tuple[PlanStep, ...]
    unknown: tuple[str, ...]
    rules: tuple[tuple[str, str, str], ...]
    caution: str
    words: tuple[str, ...] = ()


def identifiers(project: Project, sendout: Sendout | None, runs: Collection[str] = RunWhen.values) -> list[str]:
    """Return the defined identifiers of actions that run then, each once, in the order of the plan."""
    found: dict[str, str] = {}
    for each in definitions_for(project, sendout):
        if each.run in runs:
            found.setdefault(folded(each.identifier), each.identifier)
    return list(found.values())


def preview(project: Project, sendout: Sendout | None, asked: Iterable[Asked]) -> PlanPreview:
    """Return the plan of a hook that names these actions, merged as of now."""
    merged = merge(definitions_for(project, sendout), asked, phases(), project.empty_words)
    holds = policy(project, sendout)
    caution = unattended(holds.review, holds.at_deadline)
    unknown = tuple(each.identifier for each in merged.unknown)
    return PlanPreview(
        tuple(map(_step, merged.actions)),
        unknown,
        tuple(_rules(project, sendout)),
        _(caution) if caution else "",
        tuple(project.empty_words),
    )


def _step(action: PlannedAction) -> PlanStep:
    return PlanStep(
        phase=phase_in_words(action.phase),
        identifier=action.identifier,
        kind=kind_title(action.kind),
        details="" if action.details == NO_DETAILS else action.details,
        origins=action.origins,
        parameters=tuple(config_lines(action.kind, json.loads(action.config)).items()),
        on_failure=str(OnFailure(action.on_failure).label) if action.on_failure != OnFailure.HOLD else "",
    )


def phase_in_words(phase: str) -> str:
    return {
        Phase.CHECK: _("checks"),
        Phase.ENRICH: _("before the release"),
        Phase.TRANSFER: _("after the release"),
    }.get(Phase(phase), phase)


def _rules(project: Project, sendout: Sendout | None) -> Iterable[tuple[str, str, str]]:
    holds = policy(project, sendout)
    own = sendout if sendout is not None and not sendout.archived else None
    values = {
        "review": (_("review"), str(Review(holds.review).label)),
        "at_deadline": (_("at the deadline"), str(AtDeadline(holds.at_deadline).label)),
        "answer_within": (_("answer within"), durations.show(holds.answer_within)),
    }
    for name, (label, value) in values.items():
        source = _("from the sendout") if own is not None and getattr(own, name) else _("from the project")
        yield capfirst(label), value, source
