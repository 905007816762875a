"""Words that exports write for an empty value: they count as missing where the project says which."""

from typing import Any

import pytest

from actions.models import Project
from actions.names import EMPTY_WORDS
from sendouts.models import Decision, DecisionVerdict, Plan
from tests.factories import client_of, page_url, text_of
from tests.gate import Gate

WITHOUT_DATE = {"kind": "field_rule", "config": {"field": "optin_date", "reject_if": {"missing": True}}}
DATES = ("NULL", "\\N", "null", "N/A", "None", "", "2026-05-01")
ROWS = [
    *({"contactId": f"A-{number}", "optin_date": date} for number, date in enumerate(DATES, 1)),
    {"contactId": "null", "optin_date": "2026-05-01"},
    {"contactId": "undefined", "optin_date": "2026-05-01"},
]
FORMS = [("batch", {}), ("batch", {"format": "csv"}), ("single", {})]


def prepared(gate: Gate, **policy: Any) -> Project:
    project = gate.project(consent=False, **policy)
    gate.define(project, **WITHOUT_DATE)
    return project


def found(gate: Gate) -> list[str]:
    rows = gate.decisions()
    return ["unread" if row.unread else DecisionVerdict(row.verdict).name.lower() for row in rows]


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_they_count_as_missing_and_an_id_that_is_one_is_unread(gate: Gate, kind: str, form: dict[str, Any]) -> None:
    prepared(gate)
    gate.fire(kind, rows=ROWS, contacts=len(ROWS), **form)
    gate.work()
    assert found(gate) == ["rejected"] * 6 + ["accepted"] + ["unread"] * 2
    assert [row.reason for row in gate.decisions()[7:]] == ["no_id", "no_id"]
    assert (gate.batch().status, gate.batch().attention) == ("in_review", "unread_rows")


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_a_project_has_its_own(gate: Gate, kind: str, form: dict[str, Any]) -> None:
    prepared(gate, empty_words=[" Inconnu ", "à définir"])
    values = ("INCONNU", "À Définir", "NULL", "-", "2026-05-01")
    rows = [{"contactId": f"A-{number}", "optin_date": value} for number, value in enumerate(values)]
    rows += [{"contactId": each, "optin_date": "x"} for each in ("inconnu", "À définir", "NULL", "inconnue")]
    gate.fire(kind, rows=rows, contacts=len(rows), **form)
    gate.work()
    assert found(gate) == ["rejected"] * 2 + ["accepted"] * 3 + ["unread"] * 2 + ["accepted"] * 2


def test_without_any_word_every_text_is_a_value(gate: Gate) -> None:
    prepared(gate, empty_words=[])
    gate.fire(rows=ROWS, contacts=len(ROWS))
    gate.work()
    assert found(gate) == ["accepted"] * 5 + ["rejected"] + ["accepted"] * 3


@pytest.mark.parametrize("kind", ["batch", "single"])
def test_a_batch_keeps_the_words_that_it_was_planned_with(gate: Gate, kind: str) -> None:
    project = prepared(gate)
    gate.fire(kind, rows=ROWS, contacts=len(ROWS))
    gate.plan()
    project.empty_words = ["2026-05-01"]
    project.save()
    gate.work()
    assert found(gate) == ["rejected"] * 6 + ["accepted"] + ["unread"] * 2
    gate.fire(kind, rows=ROWS, contacts=len(ROWS))
    gate.work()
    later = Decision.objects.filter(pk__gte=max(gate_batches()) << 32).order_by("pk")
    assert [DecisionVerdict(row.verdict).name.lower() for row in later][4:7] == ["accepted", "rejected", "rejected"]


def test_the_plan_shows_them_before_and_in_a_batch(gate: Gate) -> None:
    project = prepared(gate, empty_words=["Inconnu", "N/A"])
    gate.fire(rows=ROWS, contacts=len(ROWS))
    gate.work()
    project.empty_words = []
    project.save()
    staff = client_of("Reviewer")
    shown = staff.get(page_url(gate.batch()))
    assert shown.context["page"].empty_words == ["inconnu", "n/a"]
    assert "<code>inconnu</code> <code>n/a</code>" in text_of(shown)
    plan = f"/admin/actions/project/{project.pk}/plan/"
    shown = staff.get(plan, headers={"accept-language": "en"})
    assert shown.context["preview"].words == () and "none: every text is a value" in text_of(shown)
    project.empty_words = ["Inconnu", "N/A"]
    project.save()
    assert "<code>Inconnu</code> <code>N/A</code>" in text_of(staff.get(plan))


def gate_batches() -> list[int]:
    return [pk >> 32 for pk in Decision.objects.values_list("pk", flat=True)]


def test_a_plan_from_before_has_the_words_of_then(gate: Gate) -> None:
    prepared(gate)
    rows = [{"contactId": f"A-{place}", "optin_date": value} for place, value in enumerate(("NULL", "-"))]
    gate.fire(rows=rows, contacts=2)
    gate.plan()
    plan = Plan.objects.get()
    del plan.content["empty_words"]
    plan.save()
    gate.work()
    assert "-" in EMPTY_WORDS and found(gate) == ["rejected", "accepted"]
