"""Guessing passwords is slowed down; nobody shuts out anybody else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from gateway.tasks import tidy

pytestmark = pytest.mark.django_db
PASSWORD = "the right password of root"
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _root(settings: Any) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("whitenoise.")]
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


def test_the_page_speaks_french(attempt: Callable[..., Any]) -> None:
    for _ in range(5):
        answer = attempt("wrong", headers={"Accept-Language": "fr"})
    assert answer.status_code == 429
    assert "Trop de tentatives" in answer.content.decode()


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
