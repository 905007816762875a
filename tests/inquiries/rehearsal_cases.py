"""Past batches with kept fields, and rules to try on them."""

import html
from dataclasses import asdict
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import strip_tags

from actions.catalog import kinds, phases
from actions.models import ActionDefinition, Project, definition_of
from actions.plan.merge import merge
from desk.setup.tryout.rehearsal import result_context
from sendouts.inquiries.rehearsal.choose import plan_with
from sendouts.inquiries.rehearsal.rehearse import rehearse
from sendouts.inquiries.rehearsal.results import Rehearsal
from sendouts.models import Batch, Decision, DecisionVerdict, Status
from tests.factories import batch, plan, sendout

AGE, CONSENT, CITY = "properties.age", "properties.consent", "properties.city"


def keeping() -> Project:
    return Project.objects.create(name="Newsletter", keep_contacts="all", keep_fields=[CONSENT, AGE])


def rule(
    project: Project, identifier: str = "consent-check", field: str = CONSENT, *, stored: bool = False, **condition: Any
) -> ActionDefinition:
    config = {"field": field, "reject_if": condition or {"equals": False}, "if_missing": "hold"}
    return of_kind(project, "field_rule", identifier, stored=stored, config=config | {"reason": f"Rule {identifier}"})


def of_kind(
    project: Project, kind: str, identifier: str, *, stored: bool = False, config: dict[str, Any]
) -> ActionDefinition:
    made = ActionDefinition(
        project=project, identifier=identifier, kind=kind, run="always", config=kinds()[kind].normal_config(config)
    )
    if stored:
        made.save()
    return made


def service(project: Project, *, stored: bool = False) -> ActionDefinition:
    config = {"url": "https://consent.example.com/check", "reason": "No consent"}
    return of_kind(project, "consent_check", "opt-in", stored=stored, config=config)


def planned(row: ActionDefinition) -> dict[str, Any]:
    """The action as the frozen plan of a batch holds it."""
    (action,) = merge([definition_of(row)], [], phases()).actions
    return asdict(action)


def past(project: Project, number: int = 40, *actions: ActionDefinition, keeps: str = "all", **columns: Any) -> Batch:
    """A released batch: each fourth contact was rejected for lack of consent; ages run from 0 on."""
    made = batch(
        Status.FINISHED,
        decisions=False,
        total=number,
        sendout=sendout(project.name),
        outcome="released",
        finish_sent_at=timezone.now(),
        ended_at=timezone.now(),
        plan=plan(*map(planned, actions)),
        **columns,
    )
    rows = []
    for row in range(number):
        rejected = row % 4 == 0
        kept = {CONSENT: not rejected, AGE: row} if keeps == "all" or (rejected and keeps == "rejected") else None
        verdict = DecisionVerdict.REJECTED if rejected else DecisionVerdict.ACCEPTED
        said = {"reason": "rule", "text": "No consent", "action": "consent-check"} if rejected else {}
        rows.append(Decision(pk=made.first_decision + row, contact_id=f"A-{row}", verdict=verdict, kept=kept, **said))
    Decision.objects.bulk_create(rows, batch_size=500)
    return made


def tried(made: Batch, draft: ActionDefinition | None = None, **asked: Any) -> Rehearsal:
    merged, lacks = plan_with(made, draft)
    return rehearse(made, merged, lacks=lacks, **asked)


def notes(found: Rehearsal, draft: ActionDefinition | None = None, *, sees: bool = True) -> str:
    """What the page says about a rehearsal, as text."""
    page = render_to_string("desk/rehearsal/result.html", {"result": result_context(found, draft, sees=sees)})
    return html.unescape(" ".join(strip_tags(page).split()))
