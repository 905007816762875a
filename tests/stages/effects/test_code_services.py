"""Codes asked of a service come in once, whatever is lost on the way, and are then given as those of a file are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actions.models import CodePool, PromoCode, Refill
from actions.sentences import write
from sendouts.models import Batch
from tests.actions.helpers import Service, service
from tests.gate import Gate
from work import claims

ACTIONS = ["consent-check", "code"]


class Shop:
    """A shop that makes up to `stock` codes: the same ones to the same key. `answers` may go wrong first, as (status, body)."""

    def __init__(self) -> None:
        self.stock = 10_000
        self.made: dict[str, list[str]] = {}
        self.first: list[tuple[int, Any] | None] = []

    def reply(self, number: int, question: Any) -> Any:
        if question["key"] not in self.made:
            left = self.stock - sum(map(len, self.made.values()))
            start = 10_000 - left
            count = min(left, question["count"])
            self.made[question["key"]] = [f"C-{place:06}" for place in range(start, start + count)]
        if self.first:
            wrong = self.first.pop(0)
            return wrong and (wrong[0], {}, json.dumps(wrong[1]).encode())
        return 200, {}, json.dumps({"codes": self.made[question["key"]]}).encode()


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def asked(shop: Shop, settings: Any) -> Iterator[Service]:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    with service(shop.reply) as running:
        yield running


@pytest.fixture
def fire(gate: Gate, asked: Service) -> Callable[..., Batch]:
    """Work on 100 contacts, of which 10 do not consent, for a project whose codes a service makes."""

    def fire(**pool: Any) -> Batch:
        if not CodePool.objects.exists():
            CodePool.objects.create(name="shop", source="service", url=asked.url, **pool)
            gate.define(gate.project(), "code", kind="promo_code", config={"pool": "shop"}, position=1)
        gate.fire(actions=ACTIONS)
        gate.work()
        return Batch.objects.latest("pk")

    return fire


def used() -> int:
    return PromoCode.objects.filter(used_at__isnull=False).count()


@pytest.mark.parametrize(("ask_for", "counts", "left"), [(1, [90, 90], 0), (500, [500], 320)])
def test_what_is_lacking_or_more_is_asked_for_in_one_question_and_kept_for_the_next_time(
    fire: Callable[..., Batch], asked: Service, ask_for: int, counts: list[int], left: int
) -> None:
    assert [fire(ask_for=ask_for).status for _ in range(2)] == ["finished"] * 2
    assert [question["count"] for question in asked.questions] == counts and used() == 180
    assert PromoCode.objects.filter(reserved_for__isnull=True).count() == left


@pytest.mark.parametrize("first", [None, (503, {}), (429, {})])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(
    fire: Callable[..., Batch], asked: Service, shop: Shop, first: Any
) -> None:
    shop.first = [first]
    assert fire().status == "finished" and used() == 90
    assert len(asked.questions) == 2 and asked.questions[0] == asked.questions[1]
    assert Refill.objects.get().taken_in == 1_000


def test_a_kill_before_the_answer_is_stored_costs_no_code(
    gate: Gate, fire: Callable[..., Batch], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any) -> int:
        raise SystemExit

    with monkeypatch.context() as killing:
        killing.setattr("actions.codes.refill.take_in", killed)
        with pytest.raises(SystemExit):
            fire()
    assert Refill.objects.filter(answered_at__isnull=True).count() == 1
    claims.drop_all(Batch)
    gate.work(rounds=2)
    assert gate.batch().status == "finished" and len(shop.made) == 1
    assert PromoCode.objects.count() == len(next(iter(shop.made.values())))


def test_a_service_that_has_no_more_leaves_contacts_without(fire: Callable[..., Batch], shop: Shop) -> None:
    shop.stock = 40
    found = fire()
    assert (found.status, found.accepted, found.undecided) == ("in_review", 40, 50)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"coupons": []}, "The answer of the service does not hold “codes”."),
        ({"codes": ["S-1", ""]}, "The service sent something that is not a code."),
        ({"codes": [7]}, "The service sent something that is not a code."),
        ({"codes": ["S-1"] * 1_001}, "The service sent more codes than it was asked for."),
    ],
)
def test_an_answer_that_makes_no_sense_holds_the_batch(
    fire: Callable[..., Batch], shop: Shop, body: Any, sentence: str
) -> None:
    shop.first = [(200, body)]
    found = fire()
    assert (found.status, found.undecided, write(found.failures[0]["sentence"])) == ("in_review", 90, sentence)
    assert not PromoCode.objects.exists()


def test_a_service_that_repeats_its_codes_is_not_asked_for_ever(
    fire: Callable[..., Batch], asked: Service, shop: Shop
) -> None:
    shop.first = [(200, {"codes": [f"R-{place}" for place in range(90)]})] * 5
    fire(ask_for=1)
    second = fire()
    assert (second.status, second.undecided, len(asked.questions), used()) == ("in_review", 90, 2, 90)
