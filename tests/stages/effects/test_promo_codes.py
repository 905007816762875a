"""Codes of a pool: one a contact and batch, whatever is repeated or killed, and back in the pool where they were not used."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from actions.catalog.promo_code import NoCode
from actions.codes import draw as code_draw
from actions.codes.intake import take_in
from actions.models import CodePool, Draw, Project, PromoCode
from actions.sentences import write
from desk.batch.effects import acting
from gateway.lanes import make_sweep
from sendouts.models import Batch, Chunk, Decision, DecisionVerdict, PendingEffect
from sendouts.models.decision import rows_of
from sendouts.privacy import retention
from sendouts.stages import effects
from sendouts.verbs import Accept, ChangeDecisions, GiveUp, Reject, RunAgain
from tests.acceptance.deployment import wait_until
from tests.gate import Gate, carry_out, reviewer
from work import claims

ACTIONS = ["consent-check", "code"]


def pool(size: int, **more: Any) -> CodePool:
    made = CodePool.objects.create(name="summer", **more)
    take_in(made, [f"S-{number:06}" for number in range(size)])
    return made


def fire(gate: Gate, *, review: str = "never", **wanted: Any) -> Any:
    """Hold 100 contacts, of which 10 do not consent, for a project that gives codes."""
    config = {"pool": "summer"} | wanted.pop("config", {})
    project = gate.project(review=review)
    gate.define(project, "code", kind="promo_code", config=config, position=1)
    return gate.fire(actions=ACTIONS, **wanted)


@pytest.fixture
def written_to(gate: Gate, settings: Any) -> dict[str, Any]:
    """The configuration with which codes are written to the contacts of the platform."""
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    settings.CREDENTIALS = {"symplify": {"X-Carma-Authentication-Token": "token"}}
    place = {"url": f"{gate.platform.url}/rest", "customer_id": "7", "list_id": "3", "credential": "symplify"}
    return {**place, "property": "summer_code"}


def free() -> int:
    return PromoCode.objects.filter(reserved_for__isnull=True).count()


def used() -> int:
    return PromoCode.objects.filter(used_at__isnull=False).count()


def test_every_accepted_contact_has_a_code_and_who_held_it_is_forgotten_with_the_contacts(
    gate: Gate, settings: Any
) -> None:
    pool(100)
    fire(gate)
    gate.work()
    assert (gate.batch().status, used(), free()) == ("finished", 90, 10), "none for whom a check rejected"
    effects.give_back_codes()
    draw = Draw.objects.get()
    assert draw.used == 90 and draw.closed_at is not None and draw.batch_number == gate.batch().pk
    assert PromoCode.objects.filter(holder__isnull=False).count() == 90
    Batch.objects.update(ended_at=timezone.now() - timedelta(days=settings.RETENTION_DAYS + 1))
    retention.retire(timezone.now())
    assert not PromoCode.objects.filter(holder__isnull=False).exists()
    assert (used(), free()) == (90, 10), "a used code is never given again"


def test_who_has_no_code_is_seen_before_anything_goes_out_and_more_codes_help_them_alone(gate: Gate) -> None:
    made = pool(80, low=200)
    fire(gate)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.accepted, batch.undecided) == ("in_review", 80, 10)
    assert batch.reasons == [
        [DecisionVerdict.REJECTED, "rule", "No consent", "consent-check", 10],
        [DecisionVerdict.UNDECIDED, "no_code", NoCode.NONE_LEFT(), "code", 10],
    ]
    assert (free(), used()) == (0, 0), "reserved, and not used before somebody accepts"
    for more, sentence in (
        (0, "The pool “summer” is empty."),
        (50, "The pool “summer” has 50 free codes left, not enough for another sendout of this size."),
        (140, "The pool “summer” has 190 free codes left, enough for 2 more sendouts of this size."),
        (110, ""),
    ):
        take_in(made, [f"T-{more}-{number}" for number in range(more)])
        with translation.override("en"):
            assert [each.warning for each in acting(batch, sees=True)] == [sentence]
    before = dict(PendingEffect.objects.values_list("decision_id", "payload"))
    carry_out(RunAgain(), batch, reviewer(), note="")
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.accepted, used(), free()) == ("finished", 90, 90, 290)
    now = dict(PromoCode.objects.filter(reserved_for=batch.pk).values_list("holder", "text"))
    contacts = dict(Decision.objects.filter(rows_of(batch.pk)).values_list("pk", "contact_id"))
    assert len(before) == 80
    for pk, payload in before.items():
        assert now[code_draw.holder_of(batch.pk, contacts[pk])] in payload


@pytest.mark.parametrize(("if_empty", "ways"), [("reject", (80, 20)), ("without", (90, 10))])
def test_what_becomes_of_those_without_a_code_is_declared(gate: Gate, if_empty: str, ways: tuple[int, int]) -> None:
    pool(80)
    sent = fire(gate, config={"if_empty": if_empty})
    gate.work()
    report = gate.platform.sendout(sent["id"])
    assert (report["accepted"], report["rejected"], used()) == (*ways, 80)
    assert report["violations"] == []


def test_the_same_contact_twice_has_one_code_and_who_a_person_rejects_gives_it_back(gate: Gate) -> None:
    pool(10)
    people = [{"contactId": each, "properties": {"consent": True}} for each in ("A-1", "A-2", "A-1", "A-3")]
    fire(gate, rows=people, review="always")
    gate.work()
    payloads = list(PendingEffect.objects.order_by("decision_id").values_list("payload", flat=True))
    assert payloads[0] == payloads[2] != payloads[1] and free() == 7
    chosen = [row.pk for row in gate.decisions()[2:]]
    carry_out(ChangeDecisions(chosen, DecisionVerdict.REJECTED), gate.batch(), reviewer(), note="No.")
    carry_out(Accept(), gate.batch(), reviewer("other"))
    gate.work()
    assert effects.give_back_codes() == 1
    assert (used(), free()) == (2, 8), "the other message of this contact keeps the code"


def test_singles_have_a_code_each(gate: Gate) -> None:
    pool(10)
    fire(gate, contacts=1)
    gate.fire("single", actions=ACTIONS, hooks=5, no_consent=0.2)
    gate.work()
    released = Batch.objects.filter(outcome="released").count()
    assert used() == released and Draw.objects.count() == released
    effects.give_back_codes()
    assert not Draw.objects.filter(closed_at__isnull=True).exists()
    assert set(Draw.objects.values_list("used", flat=True)) == {1}


@pytest.mark.parametrize("verb", [GiveUp(), Reject()])
def test_what_is_not_released_gives_its_codes_back(gate: Gate, verb: Any) -> None:
    pool(100)
    fire(gate, review="always")
    gate.work()
    assert (free(), effects.has_unused_codes()) == (10, False)
    carry_out(verb, gate.batch(), reviewer())
    gate.work()
    assert effects.give_back_codes() == 90
    assert (free(), used(), effects.has_unused_codes(), Draw.objects.get().used) == (100, 0, False, 0)


def test_a_batch_that_ends_while_it_is_screened_leaves_no_code_behind(gate: Gate) -> None:
    made = pool(100)
    fire(gate)
    gate.plan()
    batch = gate.batch()
    code_draw.reserve(made, batch.pk, [code_draw.holder_of(batch.pk, "A-1")])
    Batch.objects.filter(pk=batch.pk).update(status="expired", ended_at=timezone.now(), due_at=None)
    assert effects.give_back_codes() == 1 and free() == 100
    # A worker that has not noticed yet.
    code_draw.reserve(made, batch.pk, [code_draw.holder_of(batch.pk, "A-2")])
    assert effects.has_unused_codes()
    assert effects.give_back_codes() == 1 and free() == 100


def test_a_kill_between_reservation_and_storage_costs_no_code(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    pool(100)
    fire(gate)

    def killed(*args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as killing:
        killing.setattr("sendouts.stages.screening.contact_file._store_chunk", killed)
        with pytest.raises(SystemExit):
            gate.work()
    assert free() == 10 and not Chunk.objects.exists()
    claims.drop_all(Batch)
    gate.work(rounds=2)
    assert (gate.batch().status, used(), free()) == ("finished", 90, 10)


def test_a_code_that_was_taken_away_is_not_written(gate: Gate) -> None:
    pool(100)
    fire(gate, review="always")
    gate.work()
    first = PromoCode.objects.filter(reserved_for__isnull=False).earliest("pk")
    PromoCode.objects.filter(pk=first.pk).update(reserved_for=None, holder=None)
    carry_out(Accept(), gate.batch(), reviewer())
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.attention, used()) == ("accepted", "effect_failed", 0)
    assert write(batch.attention_data["text"]) == "Some of the codes are not reserved any more. Run the checks again."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "winter"}, "No pool of codes is called “summer” here."),
        ({"archived": True}, "The pool of codes “summer” is archived."),
        ({"project": "Boutique"}, "No pool of codes is called “summer” here."),
    ],
)
def test_a_pool_that_may_not_be_drawn_from_holds_the_batch(gate: Gate, change: dict[str, Any], sentence: str) -> None:
    made = pool(10)
    if "project" in change:
        change = {"project": Project.objects.create(name=change["project"])}
    CodePool.objects.filter(pk=made.pk).update(**change)
    fire(gate, contacts=10)
    gate.work()
    batch = gate.batch()
    assert (batch.status, batch.undecided, write(batch.failures[0]["sentence"])) == ("in_review", 9, sentence)


def test_the_code_of_each_contact_is_written_before_the_release(gate: Gate, written_to: dict[str, Any]) -> None:
    pool(100)
    gate.platform.faults([{"kind": "reset_after", "on": "contact", "share": 0.2, "times": 1}])
    fire(gate, config=written_to)
    gate.work(rounds=4)
    batch, written = gate.batch(), gate.platform.rest()["contacts"]
    assert batch.status == "finished" and len(written) == 90
    held = dict(PromoCode.objects.filter(reserved_for=batch.pk).values_list("holder", "text"))
    told = {code_draw.holder_of(batch.pk, each): properties["summer_code"] for each, properties in written.items()}
    assert told == held


def test_a_code_counts_as_used_before_it_is_written(gate: Gate, written_to: dict[str, Any]) -> None:
    pool(100)
    gate.platform.faults([{"kind": "status", "status": 503, "effect": True, "on": "contact"}])
    fire(gate, config=written_to)
    gate.work()
    written = gate.platform.rest()["contacts"]
    carry_out(GiveUp(), gate.batch(), reviewer(), note="Too late.")
    effects.give_back_codes()
    codes = {properties["summer_code"] for properties in written.values()}
    assert codes and not PromoCode.objects.filter(text__in=codes, reserved_for__isnull=True).exists()


def test_an_action_after_it_writes_the_code_too(gate: Gate, written_to: dict[str, Any]) -> None:
    pool(100)
    place = {name: value for name, value in written_to.items() if name != "property"}
    project = gate.project()
    gate.define(project, "code", kind="promo_code", config={"pool": "summer"}, position=1)
    values = {**place, "properties": {"greeting": "Use {code} in {sendout}"}, "import_from": 50}
    gate.define(project, "write", kind="contact_update", config=values, position=2)
    gate.fire(actions=[*ACTIONS, "write"])
    gate.work(rounds=2)
    written = gate.platform.rest()
    assert gate.batch().status == "finished" and written["calls"]["import"] == 1
    greetings = {properties["greeting"] for properties in written["contacts"].values()}
    assert len(greetings) == 90 and all(each.startswith("Use S-") for each in greetings)


class TestSeveralAtATime:
    """Workers that draw from one pool at the same moment, in threads with connections of their own."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(8) as executor:
            yield executor

    def draw_at_once(
        self, threads: ThreadPoolExecutor, made: CodePool, orders: list[tuple[int, int, int]]
    ) -> list[Any]:
        """Each order is (batch, first contact, contacts), drawn in small pages by a thread of its own."""
        start = threading.Barrier(len(orders))

        def one(order: tuple[int, int, int]) -> dict[Any, str]:
            batch_number, first, count = order
            found: dict[Any, str] = {}
            start.wait(10)
            try:
                for at in range(first, first + count, 25):
                    page = [code_draw.holder_of(batch_number, f"A-{n}") for n in range(at, min(at + 25, first + count))]
                    found |= code_draw.reserve(made, batch_number, page)
            finally:
                connection.close()
            return found

        return list(threads.map(one, orders))

    def test_no_code_is_given_twice_and_two_workers_at_one_batch_give_each_contact_one(
        self, threads: ThreadPoolExecutor
    ) -> None:
        made = pool(600)
        same = self.draw_at_once(threads, made, [(9, 0, 100)] * 4)
        assert all(each == same[0] for each in same) and len(same[0]) == 100 and free() == 500
        found = self.draw_at_once(threads, made, [(number, 0, 75) for number in range(1, 9)])
        codes = Counter(code for each in [*found, same[0]] for code in each.values())
        assert set(codes.values()) == {1}
        assert sum(codes.values()) == 600 and free() == 0, "and to the last code none is left lying"

    def test_giving_back_beside_drawing_loses_nothing(self, threads: ThreadPoolExecutor) -> None:
        made = pool(400)
        self.draw_at_once(threads, made, [(1, 0, 300)])
        draw = Draw.objects.get()

        def back() -> int:
            try:
                return code_draw.give_back([draw.pk])
            finally:
                connection.close()

        giving = threads.submit(back)
        found = self.draw_at_once(threads, made, [(number, 0, 100) for number in range(2, 5)])
        assert giving.result(30) == 300
        codes = Counter(code for each in found for code in each.values())
        assert set(codes.values()) == {1} and free() == 400 - sum(codes.values())

    def test_the_sweep_gives_back_what_batches_that_are_over_did_not_use(self) -> None:
        made = pool(10)
        # No such batch is in work.
        code_draw.reserve(made, 1, [code_draw.holder_of(1, "A-1")])
        assert free() == 9
        make_sweep().round()
        wait_until(lambda: free() == 10 and not effects.has_unused_codes(), 20, "the code is free again")
