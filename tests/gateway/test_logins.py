"""Guessing passwords is slowed down; nobody shuts out anybody else."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gateway import checks
from gateway.run.web import web_config
from gateway.tasks import tidy

pytestmark = pytest.mark.django_db
PASSWORD = "the right password of root"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _root(settings: Any) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]
    # The real ones are slow on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser("root", password=PASSWORD)
    User.objects.create_superuser("other", password=PASSWORD)


@pytest.fixture
def attempt() -> Callable[..., Any]:
    def made(password: str, user: str = "root", address: str = "192.0.2.1", **more: Any) -> Any:
        data = {"username": user, "password": password}
        return Client(REMOTE_ADDR=address, HTTP_ACCEPT_LANGUAGE="en").post(LOGIN, data, **more)

    return made


def test_five_wrong_passwords_shut_the_pair_of_account_and_address_out(attempt: Callable[..., Any]) -> None:
    for _ in range(4):
        assert attempt("wrong").status_code == 200
    refused = attempt("wrong")
    assert refused.status_code == 429
    assert "nobody can log in to this account for 15 minutes" in refused.content.decode()
    assert attempt(PASSWORD).status_code == 429


def test_others_behind_the_same_address_and_the_same_person_elsewhere_get_in(attempt: Callable[..., Any]) -> None:
    for _ in range(7):
        attempt("wrong")
    assert attempt(PASSWORD, user="other").status_code == 302
    assert attempt(PASSWORD, address="192.0.2.2").status_code == 302


def test_another_browser_is_no_way_round(attempt: Callable[..., Any]) -> None:
    answers = [attempt("wrong", headers={"User-Agent": f"browser {number}"}).status_code for number in range(6)]
    assert answers == [200] * 4 + [429] * 2


def test_attempts_while_shut_out_neither_count_nor_lengthen_it(attempt: Callable[..., Any]) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for _ in range(5):
            attempt("wrong")
        clock.move_to(start + timedelta(minutes=14))
        assert attempt(PASSWORD).status_code == 429
        clock.move_to(start + timedelta(minutes=15, seconds=1))
        assert attempt(PASSWORD).status_code == 302


def test_a_login_forgets_the_failures_before_it(attempt: Callable[..., Any]) -> None:
    for _ in range(4):
        attempt("wrong")
    assert attempt(PASSWORD).status_code == 302
    assert [attempt("wrong").status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize("address", ["", "unknown", "evil' OR 1", "2001:db8::1", "::ffff:192.0.2.1"])
def test_whatever_stands_where_an_address_should_the_login_answers(attempt: Callable[..., Any], address: str) -> None:
    assert attempt("wrong", address=address).status_code == 200
    assert attempt(PASSWORD, address=address).status_code == 302


def test_of_an_attempt_only_the_pair_is_kept_and_only_while_it_counts(attempt: Callable[..., Any]) -> None:
    for _ in range(9):
        attempt("not to be stored", headers={"Accept": "text/html"})
    (row,) = AccessAttempt.objects.all()
    assert row.failures_since_start == 5
    assert "not to be stored" not in row.post_data and "root" not in row.post_data
    tidy()
    assert AccessAttempt.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        tidy()
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        # What somebody wrote there before the proxy added what it saw means nothing.
        ("10.0.0.7", "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.7", "198.51.100.1, 203.0.113.5, 10.0.0.9", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
    ],
)
@pytest.mark.parametrize("behind_tls", [True, False])
def test_only_trusted_proxies_say_where_a_request_comes_from(
    settings: Any, peer: str, forwarded: str, seen: str, behind_tls: bool
) -> None:
    settings.BEHIND_TLS, settings.TRUSTED_PROXIES = behind_tls, ["127.0.0.1", "10.0.0.0/8"]
    found: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        found.append(scope["client"][0])

    config = web_config("unused")
    config.app = application
    config.load()
    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    asyncio.run(config.loaded_app(scope, None, None))
    assert found == [seen if behind_tls else peer]


def test_a_session_outlives_a_change_of_the_key_that_signs(settings: Any) -> None:
    client = Client()
    client.force_login(User.objects.get(username="root"))
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-that-is-long-enough-for-everything"
    settings.SECRET_KEY_FALLBACKS = [old]
    assert client.get("/admin/").status_code == 200
    other = Client()
    other.force_login(User.objects.get(username="other"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-third-key-that-is-long-enough-for-everything", []
    assert other.get("/admin/").status_code == 302


def test_a_deployment_that_answers_to_every_name_is_warned(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["gateway.example.com"]
    assert checks.the_screens_have_names(None) == []
    settings.ALLOWED_HOSTS = ["*"]
    assert [found.id for found in checks.the_screens_have_names(None)] == ["gateway.W002"]
