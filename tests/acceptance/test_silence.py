"""Processes that exist and do nothing are found out; a broker that hangs or is gone keeps nobody waiting."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from simulator.client import Report, Simulator
from tests.acceptance.deployment import Deployment, deployment, frozen, health, wait_until
from tests.acceptance.person import Person, create
from tests.servers import Server, redis_server, temporary_folder

DEAF = ("workers_silent", "small")


@dataclass(frozen=True)
class Gate:
    """A gateway in several processes, on a broker that nobody else needs."""

    gateway: Deployment
    platform: Simulator
    broker: Server

    def send(self, kind: str, **more: object) -> Report:
        spec = {"project": "Newsletter", "journey": "W", "actions": ["consent-check"]}
        return self.platform.create(kind, **(spec | more))


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with (
        temporary_folder("redis") as folder,
        redis_server(folder) as broker,
        deployment(
            tmp_path_factory.mktemp("silence"), "processes", setup=create, CELERY_BROKER_URL=broker.url
        ) as found,
    ):
        yield Gate(*found, broker)


def test_workers_that_hear_nothing_are_told_while_the_sweep_does_their_work(gate: Gate) -> None:
    gateway, platform = gate.gateway, gate.platform
    sent = [gate.send("single", sendout="S")["id"]]
    platform.wait_finished(sent[0], within=30)
    with frozen(gateway, "celery-small"):

        def found_out() -> bool:
            sent.append(gate.send("single", sendout="S")["id"])
            return DEAF in health(gateway)[1]

        wait_until(found_out, 90, "the workers are found out", gateway.tail)
        platform.wait_finished(sent[-1], within=30)
        assert health(gateway)[0] == 200, "the work gets done"
    wait_until(lambda: DEAF not in health(gateway)[1], 90, "the alarm is over", gateway.tail)
    for each in sent:
        seen = platform.wait_finished(each, within=30)
        assert (seen["finished"], seen["violations"]) == (1, [])


def test_a_sweep_that_hangs_is_told_by_health_and_by_the_task_of_beat(gate: Gate) -> None:
    gateway = gate.gateway
    both = "SELECT count(*) FROM sendouts_pulse WHERE name IN ('sweep', 'beat')"
    wait_until(lambda: gateway.rows(both) == [(2,)], 30, "both loops gave a sign of life", gateway.tail)
    with frozen(gateway, "gate-sweep") as hit:
        assert hit == 1
        wait_until(lambda: health(gateway)[0] == 503, 90, "health tells", gateway.tail)
        assert ("sweep_silent", "") in health(gateway)[1]
        written = "SELECT count(*) FROM sendouts_alarm WHERE code = 'sweep_silent' AND closed_at IS NULL"
        wait_until(lambda: gateway.rows(written) == [(1,)], 90, "the task of beat tells", gateway.tail)
    wait_until(lambda: health(gateway)[0] == 200, 30, "it is ready again", gateway.tail)


def test_workers_keep_their_sessions_between_tasks(gate: Gate) -> None:
    gateway, platform = gate.gateway, gate.platform
    counted = "SELECT sessions, xact_commit FROM pg_stat_database WHERE datname = current_database()"

    def go_through(number: int) -> None:
        made = gate.send("single", project="Hasty", sendout=f"S{number}", hooks=1)
        platform.wait_finished(made["id"], within=30)

    for number in range(8):
        # Each child of the workers has its first session then.
        go_through(number)
    [(sessions, commits)] = gateway.rows(counted)
    for number in range(8, 38):
        go_through(number)
    # PostgreSQL counts a little later.
    wait_until(lambda: gateway.rows(counted)[0][1] > commits + 100, 30, "it has counted", gateway.tail)
    # This test makes a session for each question of its own.
    assert gateway.rows(counted)[0][0] - sessions < 30


def test_nobody_waits_for_a_broker_that_hangs(gate: Gate) -> None:
    gateway, platform = gate.gateway, gate.platform
    # Shorter than the broker's own time-out: a page that waited for it would fail.
    person = Person(gateway, within=4)
    sent = gate.send("batch", project="Elsewhere", sendout="H", contacts=100)
    held = "SELECT id, revision FROM sendouts_batch WHERE status = 'in_review'"
    [(batch, revision)] = wait_until(lambda: gateway.rows(held), 30, "a person is asked", gateway.tail)
    gate.broker.pause()
    try:
        assert person.logs_in().url.endswith("/admin/")
        for path in ("/admin/", "/admin/sendouts/batch/", f"/api/batches/{batch}/", "/health/ready"):
            assert person.looks(path).status_code == 200, path
        singles = gate.send("single", sendout="T", hooks=5)
        assert [hook["status"] for hook in singles["hooks"]] == [202] * 5
        decided = person.does(f"/api/batches/{batch}/accept/", {"revision": revision, "note": "They asked for it."})
        assert decided.status_code == 200, decided.text
        # The sweep does it, since no nudge leaves. All of them are accepted: nobody knows what the project would reject.
        assert platform.wait_finished(sent["id"], within=60)["accepted"] == 100
    finally:
        gate.broker.resume()


def test_a_gateway_that_starts_without_its_broker_keeps_deadlines(gate: Gate) -> None:
    gateway, platform = gate.gateway, gate.platform
    gateway.stop()
    gate.broker.stop()
    gateway.start()
    passes = gate.send("batch", project="Hasty", sendout="A", timeout=60, contacts=1_000)
    held = gate.send("batch", project="Held", sendout="B", timeout=14, contacts=1_000)
    assert passes["hooks"][0]["status"] == held["hooks"][0]["status"] == 202
    seen = platform.wait_finished(passes["id"], within=40)
    assert (seen["accepted"], seen["rejected"], seen["violations"]) == (900, 100, [])
    expired = "SELECT count(*) FROM sendouts_batch WHERE status = 'expired'"
    wait_until(lambda: gateway.rows(expired) == [(1,)], 30, "the held batch expires", gateway.tail)
    seen = platform.wait_for(held["id"], lambda now: not now["waiting"], within=20)
    assert (seen["timed_out"], seen["violations"]) == (1_000, [])
    polls = "SELECT count(*) FROM sendouts_pulse WHERE name LIKE 'polls@%'"
    wait_until(lambda: gateway.rows(polls) == [(4,)], 30, "every worker finds its rows itself", gateway.tail)
