"""A person without a permission asks the people who have it: once for each step, by mail, whatever notices they chose."""

import re
from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from actions.access import Reach
from notices.messages import choices
from sendouts.models import Batch, Event
from tests.factories import batch, offer, page_url, plain_english, sendout, text_of
from tests.listeners import Post
from tests.notices.told_cases import person, rows, send, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def english(settings: object) -> None:
    plain_english(settings)


def client_for(user: User) -> Client:
    made = Client()
    made.force_login(user)
    return made


def cut() -> Batch:
    data = {"code": "cut", "rows": 5, "format": "csv"}
    return batch(accepted=3, rejected=2, attention="no_proven_end", attention_data=data, file_complete=False)


def address(made: Batch, step: str) -> str:
    return f"/admin/sendouts/batch/{made.pk}/ask/{step}/"


def ask(client: Client, made: Batch, step: str, note: str = "") -> int:
    given = {"revision": made.revision, "note": note}
    return int(client.post(address(made, step), given).status_code)


def test_the_time_to_answer_is_the_time_left_to_save_the_batch(post: Post) -> None:
    choices.choose(person("Manager"), [], {}, "en")
    asker, made = client_for(person("Reviewer")), cut()
    until = re.compile('data-until="([^"]+)"')
    left = min(until.findall(asker.get(f"/admin/sendouts/batch/{made.pk}/file/").content.decode()))
    assert datetime.fromisoformat(left) < made.deadline
    dialog = asker.get(address(made, "whole-file"), headers={"X-Gate-Dialog": "1"}).content.decode()
    assert set(until.findall(dialog)) == {left}


def test_those_who_may_state_that_a_file_is_whole_are_asked_once(post: Post) -> None:
    manager, asker = person("Manager"), client_for(person("Reviewer"))
    choices.choose(manager, [], {}, "en")
    made = cut()
    shown = text_of(asker.get(f"/admin/sendouts/batch/{made.pk}/file/"))
    assert "<strong>manager.lyon</strong>" in shown and address(made, "whole-file") in shown
    assert "Ask 1 person" in text_of(asker.get(address(made, "whole-file")))
    assert ask(asker, made, "whole-file", "Count in Symplify is 5. 0612345678") == 302
    assert send() == 1 and rows() == [("asked", "sent")]
    (mail,) = post.mails
    assert mail["To"] == "manager.lyon@example.com"
    assert subjects(post)[0].startswith("reviewer.lyon asks you: Day 1, answer before")
    body = mail.get_body(("plain",)).get_content()
    assert "whether 5 contacts are the whole contact file of “Day 1”" in body and "0612345678" not in body
    assert page_url(made) in body
    before = made.revision
    made.refresh_from_db()
    assert (made.revision, Event.objects.get(word="asked").note) == (before, "Count in Symplify is 5. 0612345678")
    # Nobody is asked twice.
    assert ask(asker, made, "whole-file") == 409 and len(rows()) == 1
    assert "You asked at" in text_of(asker.get(f"/admin/sendouts/batch/{made.pk}/file/"))
    assert "0612345678" in text_of(client_for(manager).get(page_url(made)))


def test_only_those_are_asked_who_may_and_who_see_the_batch(post: Post) -> None:
    far, asker = person("Manager"), client_for(person("Reviewer"))
    Reach.objects.create(user=far).projects.add(sendout("Another").project)
    made = cut()
    shown = text_of(asker.get(f"/admin/sendouts/batch/{made.pk}/file/"))
    assert "Nobody with a mail address may do this here" in shown and address(made, "whole-file") not in shown
    # A person with the permission has nothing to ask for.
    assert ask(client_for(far), made, "whole-file") == 404
    assert ask(client_for(person("Administrator")), made, "whole-file") == 403 and rows() == []


def test_a_question_is_not_sent_if_its_step_is_taken_or_the_right_is_gone(post: Post) -> None:
    manager, asker = person("Manager"), client_for(person("Reviewer"))
    first, second = cut(), cut()
    for made in (first, second):
        assert ask(asker, made, "whole-file") == 302
    Batch.objects.filter(pk=first.pk).update(attention="", file_complete=True)
    assert send() == 1
    third = cut()
    assert ask(asker, third, "whole-file") == 302
    manager.user_permissions.clear()
    assert send() == 0 and [state for _occasion, state in rows()] == ["dropped", "sent", "dropped"]


def test_a_file_that_loses_contacts_and_a_decision_can_be_asked_for(post: Post) -> None:
    person("Manager")
    reviewer, viewer = person("Reviewer"), client_for(person("Viewer"))
    made = cut()
    offer(made, missing=1, same=4)
    assert address(made, "use-file") in text_of(client_for(reviewer).get(f"/admin/sendouts/batch/{made.pk}/use-file/"))
    assert ask(client_for(reviewer), made, "use-file") == 302
    held = batch(accepted=3, rejected=2)
    assert address(held, "accept") in text_of(viewer.get(page_url(held)))
    assert ask(viewer, held, "accept") == 302
    assert send() == 3
    assert sorted(mail["To"].partition("@")[0] for mail in post.mails) == [
        "manager.lyon",
        "manager.lyon",
        "reviewer.lyon",
    ]
    assert ask(viewer, held, "give-up") == 404


def test_without_mail_the_names_are_all_that_is_told(db: None) -> None:
    person("Manager")
    asker, made = client_for(person("Reviewer")), cut()
    shown = text_of(asker.get(f"/admin/sendouts/batch/{made.pk}/file/"))
    assert "The gateway sends no mail. Ask them yourself." in shown and "<strong>manager.lyon</strong>" in shown
    assert address(made, "whole-file") not in shown
