"""Only those are told who may look at the project, have an address and want it; by default those who decide."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from actions.access import Reach
from actions.models import Project
from notices.messages import choices
from notices.models import Channel, ReaderLanguage, Subscription
from tests.factories import plain_english, sendout, text_of
from tests.listeners import Chat, Post
from tests.notices.told_cases import channel, fill, held, person, rows, send, subjects, tell

pytestmark = pytest.mark.django_db
PAGE = "/admin/me/notices/"


def test_who_decides_is_told_without_having_chosen_and_who_only_looks_if_they_choose_to(post: Post) -> None:
    person("Reviewer")
    viewer = person("Viewer")
    held()
    assert tell() == 1
    assert [mail["To"] for mail in post.mails] == ["reviewer.lyon@example.com"]
    choices.choose(viewer, ["waiting"], {}, "")
    held()
    assert tell() == 2


@pytest.mark.parametrize("columns", [{"email": ""}, {"is_active": False}, {"is_staff": False}])
def test_who_has_no_address_or_no_account_is_not_told(post: Post, columns: Any) -> None:
    person(**columns)
    held()
    assert tell() == 0 and rows() == []


def test_a_limit_to_projects_holds_for_messages_too(post: Post) -> None:
    user = person()
    Reach.objects.create(user=user).projects.set([sendout("Boutique").project])
    held(sendout=sendout("Newsletter"))
    assert tell() == 0
    held(sendout=sendout("Boutique", name="Sale"))
    assert tell() == 1 and subjects(post)[0].startswith("Sale")


@pytest.mark.parametrize("lost", ["role", "limit", "choice", "account", "address"])
def test_who_lost_the_right_or_the_wish_while_a_message_waited_gets_nothing(post: Post, lost: str) -> None:
    user = person()
    held()
    assert fill() == 1 and rows() == [("waiting", "waiting")]
    if lost == "role":
        user.user_permissions.clear()
    elif lost == "limit":
        Reach.objects.create(user=user)
    elif lost == "choice":
        choices.choose(user, [], {}, "")
    else:
        User.objects.update(**{"account": {"is_active": False}, "address": {"email": ""}}[lost])
    assert send() == 0
    assert rows() == [("waiting", "dropped")] and post.mails == []


def test_a_channel_of_a_project_is_told_of_that_project_alone(chat: Chat) -> None:
    channel(chat, name="one", project=sendout("Boutique").project)
    channel(chat, name="all")
    held(sendout=sendout("Newsletter"))
    assert tell() == 1
    held(sendout=sendout("Boutique"))
    assert tell() == 2


def test_a_channel_that_was_switched_off_is_silent(chat: Chat) -> None:
    channel(chat)
    held()
    fill()
    Channel.objects.update(active=False)
    assert send() == 0 and rows() == [("waiting", "dropped")]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_people_choose_on_their_page_and_the_next_message_follows(post: Post, settings: Any) -> None:
    plain_english(settings)
    user, boutique = person(), sendout("Boutique").project
    client = client_of(user)
    shown = text_of(client.get(PAGE))
    assert "Mails go to reviewer.lyon@example.com" in shown and "Boutique" in shown
    chosen = {"told-all": ["ended"], f"own-{boutique.pk}": "yes", f"told-{boutique.pk}": ["waiting", "nonsense"]}
    assert client.post(PAGE, {**chosen, "language": "en"}).status_code == 302
    stored = dict(Subscription.objects.values_list("project", "occasions"))
    assert stored == {None: ["ended"], boutique.pk: ["waiting"]}
    held(sendout=sendout("Boutique"))
    held(sendout=sendout("Newsletter"))
    assert tell() == 1 and "answer before" in subjects(post)[0]


def test_a_project_that_a_person_does_not_see_is_not_theirs_to_choose(settings: Any) -> None:
    plain_english(settings)
    user, other = person(), sendout("Boutique").project
    sendout("Newsletter")
    Reach.objects.create(user=user).projects.set([Project.objects.get(name="Newsletter")])
    client = client_of(user)
    assert "Boutique" not in text_of(client.get(PAGE))
    client.post(PAGE, {f"own-{other.pk}": "yes", f"told-{other.pk}": ["waiting"]})
    assert not Subscription.objects.filter(project=other).exists()


def test_the_link_in_a_mail_opens_the_page_and_changes_nothing(settings: Any) -> None:
    plain_english(settings)
    user = person()
    client = client_of(user)
    for method in (client.get, client.head):
        assert method(f"{PAGE}?told-all=ended&unsubscribe=1&language=en").status_code == 200
    assert not Subscription.objects.exists() and not ReaderLanguage.objects.exists()


@pytest.mark.parametrize(
    ("works", "columns", "sentence"),
    [(False, {}, "The gateway has no mail server"), (True, {"email": ""}, "There is no address in your account")],
)
def test_the_page_says_why_nobody_is_told(settings: Any, works: bool, columns: Any, sentence: str) -> None:
    plain_english(settings)
    settings.MAIL_WORKS = works
    assert sentence in text_of(client_of(person(**columns)).get(PAGE))


def test_mails_follow_the_switch_of_languages(post: Post, settings: Any) -> None:
    user = person()
    client = client_of(user)
    assert client.get("/i18n/setlang/?language=en").status_code == 302
    assert not ReaderLanguage.objects.exists(), "a GET acts on nothing"
    client.post("/i18n/setlang/", {"language": "en", "next": "/admin/"})
    held()
    client.post("/i18n/setlang/", {"language": "xx"})
    assert tell() == 1 and "would get it, answer before" in subjects(post)[0]
    client.post("/i18n/setlang/", {"language": "fr"})
    held(left=timedelta(minutes=50))
    assert tell() == 1 and "à envoyer à" in subjects(post)[1]
