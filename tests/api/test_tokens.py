"""Tokens of programs: a fingerprint is all that is stored, they end when they should, and guessing is counted."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from api import tokens
from api.models import ApiToken
from tests.api.api_cases import token_of
from tests.factories import client_of, plain_english
from tests.gate import person
from work import throttled_log

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return person("program", "view_batch")


def status(text: str, word: str = "Token") -> int:
    return int(APIClient(HTTP_AUTHORIZATION=f"{word} {text}").get("/api/batches/").status_code)


def test_what_the_database_holds_opens_nothing(user: User) -> None:
    text = token_of(user)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sendouts_apitoken")
        stored = str(cursor.fetchall())
    token = ApiToken.objects.get()
    assert text.startswith(token.prefix) and token.prefix in stored
    assert text not in stored and text.removeprefix(token.prefix) not in stored
    assert (status(text), status(token.digest)) == (200, 401)
    assert [status(text, word) for word in ("Bearer", "Basic", "")] == [401] * 3


def test_several_are_valid_at_once_and_end_with_their_row_or_their_user(user: User) -> None:
    old, new = token_of(user), token_of(user)
    assert (status(old), status(new)) == (200, 200)
    ApiToken.objects.order_by("pk").first().delete()
    assert (status(old), status(new)) == (401, 200)
    User.objects.update(is_active=False)
    assert status(new) == 401


def test_a_token_ends_at_its_moment(user: User) -> None:
    now = timezone.now()
    text = token_of(user, expires_at=now + timedelta(hours=1))
    with time_machine.travel(now + timedelta(minutes=59)):
        assert status(text) == 200
    with time_machine.travel(now + timedelta(minutes=60)):
        assert status(text) == 401


def test_the_day_of_use_is_noted_with_one_write_a_day(user: User) -> None:
    text = token_of(user)
    now = timezone.now().replace(hour=12)
    with time_machine.travel(now):
        assert status(text) == 200
        with CaptureQueriesContext(connection) as asked:
            assert status(text) == 200
        assert not [query for query in asked if query["sql"].startswith("UPDATE")]
        assert ApiToken.objects.get().last_used == timezone.localdate()
    with time_machine.travel(now + timedelta(days=1)):
        assert status(text) == 200
        assert ApiToken.objects.get().last_used == timezone.localdate()


def test_guesses_are_counted_and_logged_once_a_minute(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(
        throttled_log.log, "warning", lambda event, **more: said.append({"event": event, **more}), raising=False
    )
    monkeypatch.setattr(tokens, "refused", throttled_log.Knocks("api_token_refused"))
    assert [status(f"sendgate_{number}") for number in range(5)] == [401] * 5
    assert said == [{"event": "api_token_refused", "times": 1, "total": 1}]
    assert tokens.refused.total == 5


def test_the_command_prints_a_token_that_opens(user: User) -> None:
    out = StringIO()
    call_command("create_token", "program", "--name", "shop", "--days", "30", stdout=out)
    assert status(out.getvalue().strip()) == 200
    token = ApiToken.objects.get()
    assert token.name == "shop" and timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    with pytest.raises(CommandError):
        call_command("create_token", "nobody")


def test_an_administrator_makes_nobody_a_superuser_and_no_token_of_one(settings: Any) -> None:
    plain_english(settings)
    root = User.objects.create_superuser("root")
    client = client_of("Administrator")
    refused = client.post(reverse("admin:sendouts_apitoken_add"), {"user": root.pk})
    assert (refused.status_code, ApiToken.objects.count()) == (200, 0)
    user_page = reverse("admin:auth_user_change", args=[root.pk])
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    for url in (user_page, password, reverse("admin:auth_user_delete", args=[root.pk])):
        assert client.post(url, {"post": "yes", "password1": "x", "password2": "x"}).status_code == 403, url
    mine = User.objects.get(username="administrator.lyon")
    form = {"username": mine.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00", "usable_password": "true"}
    answered = client.post(reverse("admin:auth_user_change", args=[mine.pk]), form)
    assert answered.status_code == 302, answered.context["adminform"].form.errors
    mine.refresh_from_db()
    assert not mine.is_superuser
