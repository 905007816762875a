"""Contacts with one reason are found without reading the others, page after page, and nobody is counted."""

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.batch.contacts import PAGE, with_reason
from sendouts.models import Batch, Decision, DecisionVerdict, Status
from sendouts.models.decision import rows_of
from tests.desk.batch.page_cases import said
from tests.factories import batch, client_of, page_url

pytestmark = pytest.mark.django_db
PRESSURE = "rule:frequency-cap"


def held(rare: int = 3) -> Batch:
    made = batch(
        accepted=5,
        rejected=2 * PAGE + rare,
        reasons=[
            [2, "rule", "No consent", "consent-check", 2 * PAGE],
            [2, "rule", "Marketing pressure", "frequency-cap", rare],
        ],
    )
    rows = [made.first_decision + row for row in range(2 * PAGE + rare) if row % 10 == 7][:rare]
    Decision.objects.filter(pk__in=rows).update(text="Marketing pressure", action="frequency-cap")
    return made


def contacts(client: Client, made: Batch, query: str) -> Any:
    return client.get(page_url(made, query)).context["page"].contacts


def test_the_bar_of_a_reason_leads_to_its_contacts_and_to_no_others() -> None:
    reviewer, made = client_of("Reviewer"), held()
    page = reviewer.get(page_url(made)).context["page"]
    (line,) = [line for line in page.reasons.lines if line.action == "frequency-cap"]
    found = contacts(reviewer, made, f"?{line.query}")
    assert [row.contact for row in found.rows] == ["A-7", "A-17", "A-27"]
    assert (found.tab, found.reason, found.next) == ("rejected", PRESSURE, "")


def test_pages_of_a_reason_follow_each_other() -> None:
    reviewer, made = client_of("Reviewer"), held(rare=2)
    seen: list[str] = []
    query = "tab=rejected&reason=rule:consent-check"
    while query:
        found = contacts(reviewer, made, f"?{query}")
        seen += [row.contact for row in found.rows]
        query = found.next
    assert len(seen) == len(set(seen)) == 2 * PAGE
    assert "A-7" not in seen


@pytest.mark.parametrize("reason", ["rule:nobody", "nonsense", ":", "a:b:c", "%00:x", "rule:consent-check'--"])
def test_a_reason_that_is_not_there_is_an_empty_page(reason: str) -> None:
    nobody = said(client_of("Reviewer"), held(), "contacts", f"?tab=rejected&reason={reason}")
    assert nobody.endswith("No contact has this reason any more. Decisions as CSV")


def test_a_search_by_id_looks_at_all_reasons() -> None:
    found = contacts(client_of("Reviewer"), held(), f"?contact=A-0&reason={PRESSURE}")
    assert [row.contact for row in found.rows] == ["A-0"]
    assert found.reason == ""


def plan_of(rows: Any) -> str:
    """What the database does for a query, as it says."""
    if connection.vendor == "postgresql":
        return json.dumps(json.loads(rows.explain(format="json")))
    return str(rows.explain())


def without_shortcuts() -> None:
    """On so few rows reading all of them is cheaper."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")


def test_the_index_of_reasons_serves_the_query() -> None:
    made = held()
    without_shortcuts()
    assert "decision_reason" in plan_of(with_reason(made, PRESSURE).order_by("pk")[: PAGE + 1])


def test_the_few_undecided_are_found_among_many_rejected() -> None:
    made = batch(rejected=300, undecided=2, unread=2, addresses=False)
    without_shortcuts()
    of_the_batch = Decision.objects.filter(rows_of(made.pk), verdict=DecisionVerdict.UNDECIDED)
    some = [of_the_batch.filter(unread=unread).order_by("pk")[: PAGE + 1] for unread in (True, False)]
    # So few rows are in both indexes that PostgreSQL may take either.
    for rows in (*some, of_the_batch.filter(unread=True, uri=b"").order_by("pk")):
        assert re.search("decision_undecided|decision_unreachable", plan_of(rows))


def test_no_query_of_the_page_counts_decisions_or_skips_over_them() -> None:
    reviewer, made = client_of("Reviewer"), held()
    queries: list[str] = []
    for query in ("", "?tab=accepted", "?tab=unread", f"?tab=rejected&reason={PRESSURE}", "?contact=A-3", "?after=20"):
        for url in (page_url(made, query), page_url(made, query).replace("/change/", "/live/")):
            with CaptureQueriesContext(connection) as captured:
                assert reviewer.get(url).status_code == 200
            queries += [each["sql"] for each in captured if '"sendouts_decision"' in each["sql"]]
    assert queries
    for sql in queries:
        assert not re.search(r"COUNT\(|OFFSET|GROUP BY|SUM\(", sql, re.IGNORECASE), sql
        assert " LIMIT " in sql, sql


@pytest.mark.parametrize("status", [Status.PLANNED, Status.ACCEPTED, Status.DELIVERED])
def test_the_page_asks_a_bounded_number_of_questions(status: Status) -> None:
    reviewer = client_of("Reviewer")
    made = batch(status, accepted=5, rejected=60, confirmed=60 if status == Status.DELIVERED else 3)
    with CaptureQueriesContext(connection) as captured:
        assert reviewer.get(page_url(made)).status_code == 200
    assert len(captured) < 30
