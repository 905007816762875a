"""Past batches with kept fields, and rules to try on them."""

import html
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import strip_tags

from actions.catalog import kinds, phases
from actions.models import ActionDefinition, Project, definition_of
from actions.plan.merge import merge
from desk.setup.tryout.rehearsal import result_context
from sendouts.inquiries import rehearsal
from sendouts.inquiries.rehearsal import Rehearsal
from sendouts.models import Batch, Decision, DecisionVerdict, Status
from tests.factories import batch, plan, sendout

AGE, CONSENT, CITY = "properties.age", "properties.consent", "properties.city"


def keeping() -> Project:
    return Project.objects.create(name="Newsletter", keep_contacts="all", keep_fields=[CONSENT, AGE])


def rule(
    project: Project, identifier: str = "consent-check", field: str = CONSENT, **condition: Any
) -> ActionDefinition:
    config = {
        "field": field,
        "reject_if": condition or {"equals": False},
        "if_missing": "hold",
        "reason": f"Rule {identifier}",
    }
    return ActionDefinition(project=project, identifier=identifier, kind="field_rule", config=config, run="always")


def planned(row: ActionDefinition, step_of: str = "check") -> dict[str, Any]:
    """The action as the frozen plan of a batch holds it."""
    (action,) = merge([definition_of(row)], [], phases()).actions
    assert action.phase == step_of
    origins = [{"level": "project", "definition_id": row.pk or 0, "asked": False, "identifier": row.identifier}]
    return {
        "identifier": action.identifier,
        "kind": action.kind,
        "config": action.config,
        "on_failure": action.on_failure,
        "details": action.details,
        "phase": action.phase,
        "origins": origins,
    }


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
    merged, lacks = rehearsal.plan_with(made, draft)
    return rehearsal.rehearse(made, merged, lacks=lacks, **asked)


def notes(found: Rehearsal, draft: ActionDefinition | None = None, *, sees: bool = True) -> str:
    """What the page says about a rehearsal, as text."""
    page = render_to_string("desk/rehearsal/result.html", {"result": result_context(found, draft, sees=sees)})
    return html.unescape(" ".join(strip_tags(page).split()))


def service(project: Project, identifier: str = "opt-in") -> ActionDefinition:
    config = {"url": "https://consent.example.com/check", "reason": "No consent"}
    kind = kinds()["consent_check"]
    return ActionDefinition(
        project=project, identifier=identifier, kind="consent_check", config=kind.normal_config(config), run="always"
    )
