"""What messages say: sentences and numbers in the reader's language, every time with its zone, and nothing of a contact."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone, translation

from notices.messages import choices, due
from notices.messages import subjects as message_subjects
from notices.models import Occasion
from sendouts import lifecycle
from sendouts.models import Batch, Status
from tests.factories import SECRET, batch, sendout
from tests.listeners import Post
from tests.notices.told_cases import held, person, subjects, tell

pytestmark = pytest.mark.django_db


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def lines(mail: Any, kind: str = "plain") -> str:
    return str(mail.get_body((kind,)).get_content()).replace("\r\n", "\n")


def body(post: Post, kind: str = "plain", number: int = 0) -> str:
    return lines(post.mails[number], kind)


def summer_sale(**columns: Any) -> Batch:
    reasons = [
        [2, "rule", "No consent", "consent-check", 9_102],
        [2, "list", "On the list “Opposition”.", "opposition", 555],
    ]
    values = {"accepted": 131_734, "rejected": 9_657, "decisions": False, "sendout": sendout(name="Summer sale")}
    made = batch(**{**values, "reasons": reasons, "held_for": ["always"], **columns})
    Batch.objects.filter(pk=made.pk).update(tell_at=timezone.now())
    return made


def test_a_mail_says_how_many_by_when_why_and_what_if_nobody_decides(post: Post) -> None:
    person()
    choices.speak(person("Manager"), "en")
    with time_machine.travel(datetime(2026, 6, 30, 11, 42, tzinfo=UTC), tick=False):
        made = summer_sale(left=timedelta(minutes=39))
        assert tell() == 2
    assert sorted(plain(each) for each in subjects(post)) == [
        "Summer sale : à envoyer à 131 734 sur 141 391 contacts, répondez avant 14 h 15 (heure de Paris)",
        "Summer sale: 131,734 of 141,391 contacts would get it, answer before 14:15 (Paris time)",
    ]
    english = lines(next(mail for mail in post.mails if mail["To"].startswith("manager")))
    for sentence in (
        "“Summer sale” goes to 131,734 of 141,391 contacts if you accept.",
        # What the page counts down to: the rejections and a reserve lie between that and the deadline.
        "33 min left, until 14:15 (Paris time).",
        "Every batch of this sendout waits for a person.",
        "If nobody decides, nobody gets it: at 14:21 (Paris time) all contacts take the “timed out” way.",
        "Do not get it: 9,657",
        "- No consent: 9,102\n- On the list “Opposition”: 555",
        "Deadline: 14:21 on 30 June 2026 (Paris time)",
        f"https://gateway.example.com/admin/sendouts/batch/{made.pk}/change/",
    ):
        assert sentence in english


def test_a_deadline_of_tomorrow_has_its_date(post: Post) -> None:
    choices.speak(person(), "en")
    with time_machine.travel(datetime(2026, 6, 30, 21, 30, tzinfo=UTC), tick=False):
        summer_sale(left=timedelta(hours=1))
        tell()
    assert subjects(post)[0].endswith("answer before 00:24 on 1 July 2026 (Paris time)")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "02:30 CEST (Paris time)"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "02:30 CET (Paris time)"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=UTC), "03:30 (Paris time)"),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "03:30 (Paris time)"),
    ],
)
def test_the_hour_that_a_change_of_the_clocks_repeats_is_told_apart(moment: datetime, said: str) -> None:
    with translation.override("en"):
        assert message_subjects.until(moment, moment) == said


def test_half_of_the_time_is_half_of_it_in_the_night_of_the_change() -> None:
    made = Batch(
        received_at=datetime(2026, 10, 25, 0, 0, tzinfo=UTC), deadline=datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    )
    assert due.half(made) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert due.most(made) == datetime(2026, 10, 25, 1, 36, tzinfo=UTC)


def test_the_end_says_who_decided(post: Post) -> None:
    user = person()
    choices.choose(user, [Occasion.ENDED], {}, "en")
    made, now = batch(Status.IN_REVIEW, accepted=3, decisions=False), timezone.now()
    lifecycle.move({made.pk: {}}, Status.IN_REVIEW, Status.ACCEPTED, now=now, user=user)
    lifecycle.move({made.pk: {}}, Status.ACCEPTED, Status.DELIVERED, now=now)
    over = {"ended_at": now, "due_at": None, "outcome": "released", "finish_sent_at": now}
    lifecycle.move({made.pk: over}, Status.DELIVERED, Status.FINISHED, now=now)
    tell()
    assert subjects(post) == ["Day 1: released to 3 contacts"]
    assert "“Day 1” went to 3 contacts at " in body(post) and "Accepted by reviewer.lyon at " in body(post)


@pytest.mark.parametrize("name", ["Sale\r\n\r\nBcc: victim@example.com", "Sale\u2028" + "x" * 500])
def test_no_name_begins_a_new_line_of_the_head(post: Post, name: str) -> None:
    person()
    held(sendout=sendout(name=name[:200]))
    assert tell() == 1
    (mail,) = post.mails
    assert mail["Bcc"] is None and mail["To"] == "reviewer.lyon@example.com"
    assert len(subjects(post)[0]) <= 200


def test_names_are_text_in_html(post: Post) -> None:
    person()
    held(sendout=sendout("<i>P</i>", name="<script>alert(1)</script> & “x”"))
    tell()
    html = body(post, "html")
    assert "<script>" not in html and "<i>P" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in html


def test_a_mail_holds_links_to_pages_and_nothing_that_acts(post: Post) -> None:
    person()
    made = held()
    tell()
    links = set(re.findall(r'https?://[^\s"<>]+', body(post, "html") + body(post)))
    assert links == {
        f"https://gateway.example.com/admin/sendouts/batch/{made.pk}/change/",
        "https://gateway.example.com/admin/me/notices/",
    }
    assert post.mails[0]["References"] == f"<batch-{made.pk}@gateway.example.com>"
    assert post.mails[0]["List-Unsubscribe"] == "<https://gateway.example.com/admin/me/notices/>"
    assert post.mails[0]["List-Unsubscribe-Post"] is None
    assert post.mails[0]["Auto-Submitted"] == "auto-generated"
    assert not re.search(r"<(form|script|img|link|iframe|object)", body(post, "html"))


def test_no_contact_and_no_address_of_the_platform_is_in_a_mail(post: Post) -> None:
    person()
    told = ["Blocked: ann@example.com is known", f"See https://{SECRET}/x"]
    reasons = [[2, "service", text, "consent-check", 1] for text in told]
    made = batch(accepted=1, rejected=2, reasons=reasons)
    Batch.objects.filter(pk=made.pk).update(tell_at=timezone.now())
    tell()
    whole = str(post.mails[0]) + body(post) + body(post, "html")
    assert SECRET not in whole and "ann@example.com" not in whole and "A-0" not in whole
    assert "consent-check" in body(post)


def test_every_status_has_its_words_in_both_languages() -> None:
    made = batch(accepted=3, rejected=2, decisions=False)
    for language in ("en", "fr"):
        for status, outcome in (
            ("finished", "released"),
            ("finished", "refused"),
            ("finished", "empty"),
            ("expired", ""),
            ("abandoned", ""),
        ):
            made.status, made.outcome, made.ended_at = status, outcome, timezone.now()
            with translation.override(language):
                subject, sentence = message_subjects.end(made, timezone.now())
            assert "Day 1" in subject and "Day 1" in sentence and "%(" not in subject + sentence
