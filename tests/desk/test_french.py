"""The screens speak French, set as French is set, with nothing left in English."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from sendouts.models import Attention, Batch, Status
from sendouts.wording import batch_sentences
from tests.desk.batch.page_cases import read, said
from tests.desk.batch.test_page import ATTENTION
from tests.factories import batch, text_of, verb_url

pytestmark = pytest.mark.django_db
# A plain space where a no-break one belongs, guillemets without any, a wide one for a narrow one or the other way round, a
# straight apostrophe between letters.
BADLY_SET = re.compile(r" [;:!?»]|«(?!\u00a0)|(?<!\u00a0)»|(?<!«)\u00a0(?:[;!?]|%%)|\u202f:|\w'\w")


@pytest.fixture(autouse=True)
def _french(_english: None, settings: Any) -> None:
    settings.LANGUAGE_CODE = "fr"


def translations() -> Iterator[tuple[str, str]]:
    with (Path(configured.LOCALE_PATHS[0]) / "fr" / "LC_MESSAGES" / "django.po").open("rb") as file:
        for message in read_po(file, charset="utf-8"):
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            yield from ((str(message.id), text) for text in texts if message.id)


def test_every_translation_is_set_as_french_is() -> None:
    bad = [text for _, text in translations() if BADLY_SET.search(re.sub(r"<[^>]+>", "", text))]
    assert bad == []


def test_a_headline_is_a_french_sentence_with_french_numbers(reviewer: Client) -> None:
    made = batch(accepted=131_734, rejected=9_657, decisions=False)
    assert read(reviewer, made).label.text == "À vous de valider"
    head = said(reviewer, made, "head")
    assert " ".join(head.split()).endswith(
        "« Day 1 » sera envoyé à 131 734 sur 141 391 contacts si vous acceptez. "
        "9 657 ne le reçoivent pas, tous pour le même motif : « No consent »."
    )
    # With the date in between, where the deadline is tomorrow's.
    assert re.search(r"(?:à|,) \d\d\u00a0h\u00a0\d\d", said(reviewer, made, "outlook"))


def test_digits_are_grouped_by_narrow_spaces_that_do_not_break() -> None:
    with override("fr"):
        assert (batch_sentences.number(1_234_567), batch_sentences.percent(6.83)) == (
            "1\u202f234\u202f567",
            "6,8\u202f%",
        )
    with override("en"):
        assert batch_sentences.number(1_234_567) == "1,234,567"


def test_the_confirm_page_and_the_refusals_are_french(reviewer: Client) -> None:
    made = batch(accepted=3, rejected=2)
    assert "Accepter" in text_of(reviewer.get(verb_url(made, "accept")))
    Batch.objects.update(deadline=timezone.now())
    response = reviewer.post(verb_url(made, "accept"), {"revision": made.revision, "note": ""})
    assert "L’échéance est passée à" in text_of(response)


@pytest.mark.parametrize("code", [code for code in Attention if code])
def test_every_attention_has_its_french_sentence(code: Attention) -> None:
    made = Batch(attention=code, attention_data=ATTENTION[code][0])
    with override("en"):
        english = batch_sentences.attention(made)
    with override("fr"):
        french = batch_sentences.attention(made)
    assert french != english and "%(" not in french


@pytest.mark.parametrize("status", list(Status))
def test_no_status_is_shown_in_english(reviewer: Client, status: Status) -> None:
    now = timezone.now()
    more: dict[str, Any] = {"outcome": "released", "finish_sent_at": now} if status == Status.FINISHED else {}
    made = batch(status, accepted=2, **more)
    found = []
    for language in ("fr", "en"):
        reviewer.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        found.append((read(reviewer, made).label.text, said(reviewer, made, "head").rpartition("Day 1")[0]))
    (label, head), (english_label, english_head) = found
    assert label != english_label and "«" in head and "“" in english_head
