"""Slack, Teams and programs get what each of them reads; URLs stay secret; managers try a channel out on its page."""

import json
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone, translation

from actions.access import Reach
from actions.models import Project
from notices.messages.chat import slack, teams
from notices.messages.content import MessageText, digest
from notices.models import Channel, Message
from simulator.client import Simulator
from tests.factories import client_of, plain_english, sendout, text_of, user_in
from tests.listeners import Chat
from tests.notices.told_cases import channel, held, rows, send, tell

pytestmark = pytest.mark.django_db
ADD = "/admin/sendouts/channel/add/"
FORM = {
    "name": "a",
    "kind": "slack",
    "url": "https://hooks.slack.com/services/T0/secret",
    "language": "fr",
    "occasions": ["waiting"],
    "active": "on",
}
HOSTILE = "<!channel> *Sale* & [x](https://evil.example.com)"


def test_slack_gets_blocks_with_a_button_and_calls_nobody(chat: Chat) -> None:
    channel(chat, "slack")
    made = held(sendout=sendout(name=HOSTILE))
    assert tell() == 1
    (said,) = chat.posts
    assert set(said) == {"text", "blocks"}
    assert "<" not in said["text"] and "&lt;!channel&gt; *Sale* &amp; " in said["text"]
    assert "<" not in said["blocks"][0]["text"]["text"]
    button = said["blocks"][-1]["elements"][0]
    assert button["url"].endswith(f"/admin/sendouts/batch/{made.pk}/change/")
    fields = next(block["fields"] for block in said["blocks"] if "fields" in block)
    assert {"type": "mrkdwn", "text": "*Get it*\n3"} in fields and len(fields) <= 10


def test_teams_gets_an_adaptive_card_in_which_names_are_text(chat: Chat) -> None:
    channel(chat, "teams")
    made = held(sendout=sendout(name=HOSTILE))
    assert tell() == 1
    (said,) = chat.posts
    (attachment,) = said["attachments"]
    card = attachment["content"]
    assert said["type"] == "message" and attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["type"] == "AdaptiveCard" and card["version"] == "1.4"
    assert card["actions"][0]["url"].endswith(f"/admin/sendouts/batch/{made.pk}/change/")
    # A TextBlock would read Markdown.
    assert '"TextBlock"' not in json.dumps(card)
    assert HOSTILE in card["body"][0]["inlines"][0]["text"]


def test_programs_get_stable_names_and_a_signature_that_a_receiver_accepts(platform: Simulator) -> None:
    url = platform.receiver("desk", secret="a-shared-secret")
    Channel.objects.create(
        name="desk", kind="json", url=url, secret="a-shared-secret", language="en", occasions=["waiting"]
    )
    made = held()
    assert tell() == 1
    (kept,) = platform.received("desk")["kept"]
    said = json.loads(kept["body"])
    names = {"project": "Newsletter", "journey": "Summer", "sendout": "Day 1", "status": "in_review"}
    counts = {"total": 5, "accepted": 3, "rejected": 2, "undecided": 0, "unread": 0}
    about = {"version": 1, "id": kept["headers"]["webhook-id"], "occasion": "waiting", "batch": made.pk}
    wanted = {**about, **names, **counts, "outcome": None, "attention": None, "deadline": made.deadline.isoformat()}
    assert wanted.items() <= said.items()
    assert made.received_at.isoformat() < said["answer_before"] < said["deadline"]
    assert said["text"] == "“Day 1” goes to 3 of 5 contacts if you accept."


def test_a_message_has_the_same_id_at_every_attempt(chat: Chat) -> None:
    channel(chat)
    held()
    chat.status = 503
    tell()
    Message.objects.update(due_at="2020-01-01T00:00Z")
    chat.status = 200
    assert send() == 1
    ids = {post["id"] for post in chat.posts} | {head["idempotency-key"] for head in chat.heads}
    assert (len(chat.posts), len(ids)) == (2, 1)


TEAMS_NO = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"


@pytest.mark.parametrize(
    ("kind", "said", "state"),
    [
        ("slack", b"ok", "sent"),
        ("slack", b"", "sent"),
        ("slack", b'{"ok": true}', "sent"),
        ("slack", b"invalid_payload", "waiting"),
        ("slack", b'{"ok": false, "error": "channel_not_found"}', "waiting"),
        ("slack", b"<html><title>Log in</title></html>", "waiting"),
        ("slack", b"bonjour", "lost"),
        ("teams", b"1", "sent"),
        ("teams", b"", "sent"),
        ("teams", TEAMS_NO, "waiting"),
        ("teams", b"Summary or Text is required.", "waiting"),
        ("teams", b"see you", "lost"),
        ("json", b"thank you", "sent"),
        ("json", b'{"status": "error"}', "waiting"),
        ("json", b"<!doctype html><p>Log in", "waiting"),
    ],
)
def test_a_chat_that_says_no_under_200_has_not_taken_the_message(
    chat: Chat, kind: str, said: bytes, state: str
) -> None:
    channel(chat, kind)
    held()
    chat.said = said
    assert tell() == (state == "sent")
    assert [row.state for row in Message.objects.all()] == [state]


def test_a_chat_that_says_no_under_200_is_asked_again_when_it_says(chat: Chat) -> None:
    channel(chat, "teams")
    held()
    chat.said, chat.retry_after = TEAMS_NO, "300"
    began = timezone.now()
    assert tell() == 0
    assert 290 < (Message.objects.get().due_at - began).total_seconds() < 330
    chat.said = b"1"
    Message.objects.update(due_at=began)
    assert send() == 1 and Message.objects.get().state == "sent"


def test_a_host_that_is_not_allowed_is_not_called_and_the_url_is_in_no_log(caplog: Any) -> None:
    Channel.objects.create(
        name="x", url="https://chat.example.com/secret-of-the-chat", occasions=["waiting"], kind="slack"
    )
    held()
    assert tell() == 0 and rows() == [("waiting", "waiting")]
    assert "channel_refused" in caplog.text and "secret-of-the-chat" not in caplog.text


def test_the_url_is_stored_encrypted_and_never_shown(chat: Chat, settings: Any) -> None:
    plain_english(settings)
    client = client_of("Manager")
    assert client.post(ADD, FORM).status_code == 302
    made = Channel.objects.get()
    assert "secret" not in made.url.token and made.url.open().endswith("/secret")
    for page in ("", f"{made.pk}/change/", f"{made.pk}/history/"):
        assert "T0/secret" not in text_of(client.get(f"/admin/sendouts/channel/{page}"))
    changed = client.post(f"/admin/sendouts/channel/{made.pk}/change/", {**FORM, "url": "", "name": "Team"})
    assert changed.status_code == 302
    made.refresh_from_db()
    assert made.name == "Team" and made.url.open().endswith("/secret"), "an empty URL leaves it as it is"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": ""}, "Enter the URL."),
        ({"url": "ftp://x"}, "URL"),
        ({"secret": "whsec_!"}, "is not Base64"),
        ({"secret": "abc"}, "Only messages for programs are signed."),
        ({"occasions": []}, "This field is required."),
    ],
)
def test_a_channel_that_cannot_work_is_refused_at_the_field(settings: Any, change: Any, sentence: str) -> None:
    plain_english(settings)
    shown = client_of("Manager").post(ADD, {**FORM, **change})
    assert shown.status_code == 200 and sentence in text_of(shown).replace("&#x27;", "'")
    assert not Channel.objects.exists()


@pytest.fixture
def limited() -> Client:
    """A manager who sees Boutique and nothing else."""
    user = user_in("Manager")
    Reach.objects.create(user=user).projects.set([sendout("Boutique").project])
    client = Client()
    client.force_login(user)
    return client


def test_a_manager_who_is_limited_makes_and_sees_channels_of_their_projects_alone(
    limited: Client, chat: Chat, settings: Any
) -> None:
    plain_english(settings)
    other = sendout("Newsletter").project
    for project in ("", other.pk):
        assert limited.post(ADD, {**FORM, "project": project}).status_code == 200
    assert not Channel.objects.exists()
    own = Project.objects.get(name="Boutique").pk
    assert limited.post(ADD, {**FORM, "project": own}).status_code == 302
    everybodys = channel(chat, name="everybody")
    assert "everybody" not in text_of(limited.get("/admin/sendouts/channel/"))
    for ask in (limited.get, limited.post):
        assert ask(f"/admin/sendouts/channel/{everybodys.pk}/test/").status_code == 404
    assert chat.posts == []


def test_a_trial_is_asked_by_get_and_sent_by_post(chat: Chat, settings: Any) -> None:
    plain_english(settings)
    made = channel(chat, "slack", language="fr")
    client = client_of("Manager")
    url = f"/admin/sendouts/channel/{made.pk}/test/"
    assert "is sent to “slack”" in text_of(client.get(url)) and chat.posts == []
    assert "The trial message was delivered." in text_of(client.post(url))
    assert "Ceci est un essai" in chat.posts[0]["text"]
    chat.status = 404
    assert "The trial message was not delivered." in text_of(client.post(url))
    chat.status = 0
    assert "It may have arrived" in text_of(client.post(url))
    assert LogEntry.objects.count() == 3 and not Message.objects.exists()


def test_the_outbox_is_read_by_administrators_and_written_by_nobody(chat: Chat, settings: Any) -> None:
    plain_english(settings)
    channel(chat, name="Marketing")
    held()
    tell()
    shown = re.sub(r"<[^>]+>", " ", text_of(client_of("Administrator").get("/admin/sendouts/message/")))
    for word in ("Marketing", "Summer / Day 1", "it waits for a decision", "sent"):
        assert word in shown
    assert client_of("Manager").get("/admin/sendouts/message/").status_code == 403


def test_a_digest_has_what_each_message_would_have_said(chat: Chat) -> None:
    for kind in ("json", "slack", "teams"):
        channel(chat, kind)
    made = [held(sendout=sendout(name=f"Day {number}")) for number in range(7)]
    assert tell() == 3
    by_kind = {"json" if "messages" in said else "slack" if "blocks" in said else "teams": said for said in chat.posts}
    assert sorted(each["batch"] for each in by_kind["json"]["messages"]) == [each.pk for each in made]
    for kind in ("slack", "teams"):
        assert all(f"/batch/{each.pk}/change/" in json.dumps(by_kind[kind]) for each in made)


def test_a_long_digest_for_slack_has_whole_links_alone() -> None:
    more = tuple((f"{'<&>' * 40} {n}", f"https://gate.example.com/batch/{n}/") for n in range(20))
    said = MessageText("Many", "Many.", (), (), (), "See", "https://gate.example.com/", "waiting", "digest", more=more)
    with translation.override("en"):
        listed = slack(said)["blocks"][1]["text"]["text"]
    assert len(listed) <= 3_000
    *lines, last = listed.split("\n")
    assert all(re.fullmatch(r"• <[^|<>]+\|[^<>]+ \d+>", line) for line in lines)
    assert 0 < len(lines) < 20 and last == f"And {20 - len(lines)} more in the list."


def test_a_digest_says_how_many_it_does_not_list() -> None:
    more = tuple((f"Day {n}", f"https://gate.example.com/batch/{n}/") for n in range(23))
    said = MessageText("Many", "Many.", (), (), (), "See", "https://gate.example.com/", "waiting", "digest", more=more)
    with translation.override("en"):
        bodies = [json.dumps(form(said)) for form in (slack, teams)]
    assert all("And 3 more in the list." in body and "Day 19" in body and "Day 20" not in body for body in bodies)


def test_a_digest_counts_a_batch_once_however_many_occasions_waited() -> None:
    now = timezone.now()
    same = [
        MessageText(name, name, (), (), (), "See", "https://x.test/", "waiting", "batch-1", until=now) for name in "ab"
    ]
    with translation.override("en"):
        said = digest(same, now)
    assert said.subject.startswith("1 sendout needs")
    assert [what for what, _ in said.more] == ["b"]
