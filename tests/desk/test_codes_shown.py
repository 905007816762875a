"""What is stored as a code is shown as a sentence in the reader's language: on the screens, in the API and in files."""

import re
from typing import Any

import pytest
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext, override

from actions import catalog
from actions.catalog.contact_update.kind import NoValue
from actions.catalog.shared.field_problems import FieldProblem
from actions.catalog.shared.http import ServiceFailure
from actions.models import SuppressionUpload
from actions.plan.failures import PlanFailure
from actions.sentences import declared
from sendouts.inquiries.csv import CsvForm
from sendouts.inquiries.export import ExportChoice, begin, for_people, for_programs, parts
from sendouts.models import Attention, Batch, EffectRun, Event, EventWord, PendingEffect, Status
from sendouts.models.decision import DecisionReason, RowProblem
from sendouts.models.hold_reason import HoldReason
from sendouts.models.webhook import HookProblem
from sendouts.wording.batch_sentences import attention, holds, reason
from sendouts.wording.sentences import HookDetail
from tests.factories import batch, client_of, page_url, plain_english, text_of, user_in, webhook

pytestmark = pytest.mark.django_db
MISSING = FieldProblem.MISSING(name="properties.consent")
REFUSED = ServiceFailure.ANSWERED(host="crm.example.com", code=401)


@pytest.fixture(autouse=True)
def _french(settings: Any) -> None:
    plain_english(settings)
    settings.LANGUAGE_CODE = "fr"


def names_in(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def test_every_sentence_that_is_declared_is_known_in_french() -> None:
    catalog.kinds()
    assert len(declared()) > 60
    with override("fr"):
        french = {code: gettext(template) for code, template in declared().items()}
    assert [code for code, template in declared().items() if french[code] == template] == []
    assert [code for code, template in declared().items() if names_in(french[code]) != names_in(template)] == []


@pytest.mark.parametrize(
    "codes", [HoldReason, DecisionReason, RowProblem, HookProblem, Attention, SuppressionUpload.Error]
)
def test_every_code_has_a_sentence_in_both_languages(codes: type[TextChoices]) -> None:
    for code in codes:
        if code:
            with override("en"):
                english = str(code.label)
            with override("fr"):
                assert english and str(code.label) not in ("", english), code


def test_every_reason_to_wait_is_a_sentence_and_no_code() -> None:
    made = batch(accepted=1, undecided=1)
    with override("en"):
        for code in HoldReason:
            assert holds(made, [code])[0].endswith("."), code


def test_a_decision_is_explained_in_french_from_its_code() -> None:
    made = batch(accepted=1, rejected=1, undecided=2)
    viewer = client_of("Viewer")
    page = viewer.get(page_url(made, "?tab=undecided"))
    assert [row.reason for row in page.context["page"].contacts.rows] == ["Le champ properties.consent est absent."] * 2
    # What staff wrote into the configuration.
    page = viewer.get(page_url(made, "?tab=rejected"))
    assert [row.reason for row in page.context["page"].contacts.rows] == ["No consent"]
    # What a kind of another package wrote is shown as it is.
    assert reason("silent", "Der Dienst schweigt.") == "Der Dienst schweigt."


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "The field properties.consent is missing."), ("fr", "Le champ properties.consent est absent.")],
)
def test_the_api_says_it_in_the_language_that_is_asked_for(language: str, sentence: str) -> None:
    failure = {"identifier": "x", "kind": "k", "step": 0, "sentence": MISSING, "contacts": 2, "became": "undecided"}
    made = batch(undecided=2, failures=[failure])
    data = {"code": "effect_failed", "text": MISSING}
    Event.objects.create(batch=made, at=timezone.now(), word=EventWord.ATTENTION, data=data)
    client, asked = client_of("Viewer"), {"Accept-Language": language}
    whole = client.get(f"/api/batches/{made.pk}/", headers=asked).json()
    assert [each["text"] for each in whole["reasons"]] == [sentence]
    assert [each["sentence"] for each in whole["failures"]] == [sentence]
    decisions = client.get(f"/api/batches/{made.pk}/decisions/", headers=asked).json()["results"]
    assert [each["text"] for each in decisions] == [sentence] * 2
    events = client.get(f"/api/batches/{made.pk}/events/", headers=asked).json()["results"]
    assert [each["data"]["text"] for each in events if "text" in each["data"]] == [sentence]


def test_files_say_it_in_the_language_of_those_who_read_them() -> None:
    made, user = batch(undecided=1), user_in("Reviewer")
    for columns in (for_people(made), for_programs()):
        begun = begin(made, user, ExportChoice(), now=timezone.now())
        with override("fr"):
            written = b"".join(parts(begun, ExportChoice(), columns, CsvForm(bom=False))).decode()
        assert "Le champ properties.consent est absent." in written and "field.missing" not in written


def test_an_effect_that_failed_says_why_in_french() -> None:
    names = {"identifier": "crm", "kind": "transfer_http", "on_failure": "hold", "phase": "transfer"}
    made = batch(Status.FINISHED, accepted=1, outcome="released", finish_sent_at=timezone.now())
    EffectRun.objects.create(batch=made, step=0, total=1, error=PlanFailure.NO_TIME_AGAIN(why=REFUSED), **names)
    viewer = client_of("Viewer")
    page = text_of(viewer.get(page_url(made)))
    assert "crm.example.com a répondu 401. Il ne restait plus de temps pour redemander." in page
    made = batch(Status.ACCEPTED, accepted=1, enrichments=1)
    points = {"identifier": "points", "kind": "contact_update", "on_failure": "hold", "phase": "enrich"}
    EffectRun.objects.create(batch=made, step=0, total=1, refused=1, **points)
    text = NoValue.PROPERTY(name="town")
    PendingEffect.objects.create(decision_id=made.first_decision, step=0, payload="{}", state=1, text=text)
    assert "La propriété town" in text_of(viewer.get(page_url(made)))


def test_what_stops_a_batch_is_told_in_french_from_its_data() -> None:
    made = Batch(attention=Attention.EFFECT_FAILED, attention_data={"identifier": "crm", "rows": 3, "text": REFUSED})
    with override("fr"):
        assert attention(made).endswith("contacts acceptés\u00a0: crm.example.com a répondu 401.")


def test_a_hook_that_could_not_be_planned_says_why_in_french() -> None:
    webhook("failed", detail=HookDetail.GIVEN_UP(times=3), due_at=None)
    page = text_of(client_of("Viewer").get("/admin/sendouts/webhook/"))
    with override("fr"):
        assert gettext(HookDetail.GIVEN_UP.template) % {"times": 3} in page
