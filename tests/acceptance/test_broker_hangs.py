"""Redis hangs: no page waits for it, and what people decide is carried out all the same."""

import signal
from pathlib import Path

import psutil
import redis as client

from tests.acceptance.deployment import deployment, wait_until
from tests.acceptance.person import Person, make_person
from tests.servers import redis, temporary_folder


def test_nobody_waits_for_a_broker_that_hangs(tmp_path: Path) -> None:
    with (
        temporary_folder("redis") as folder,
        redis(folder) as broker,
        deployment(tmp_path, "processes", CELERY_BROKER_URL=broker) as (gateway, platform),
    ):
        make_person(gateway)
        # Shorter than the broker's own time-out: a page that waited for it would fail.
        person = Person(gateway, within=4)
        sent = platform.create(
            "batch", project="Elsewhere", journey="W", sendout="S", actions=["consent-check"], contacts=100
        )
        held = "SELECT id, revision FROM sendouts_batch WHERE status = 'in_review'"
        [(batch, revision)] = wait_until(lambda: gateway.rows(held), 30, "a person is asked", gateway.tail)
        server = psutil.Process(client.Redis.from_url(broker).info("server")["process_id"])
        server.send_signal(signal.SIGSTOP)
        try:
            assert person.logs_in().url.endswith("/admin/")
            for path in ("/admin/", "/admin/sendouts/batch/", f"/api/batches/{batch}/", "/health/ready"):
                assert person.looks(path).status_code == 200, path
            singles = platform.create("single", project="Newsletter", journey="W", sendout="T", hooks=5)
            assert [hook["status"] for hook in singles["hooks"]] == [202] * 5
            decided = person.does(f"/api/batches/{batch}/accept/", {"revision": revision, "note": "They asked for it."})
            assert decided.status_code == 200, decided.text
            # The sweep does it, since no nudge leaves. All of them are accepted: nobody knows what the project would reject.
            assert platform.wait_finished(sent["id"], within=60)["accepted"] == 100
        finally:
            server.send_signal(signal.SIGCONT)
