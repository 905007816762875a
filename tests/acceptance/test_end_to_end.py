"""Real processes, a real database and broker, hooks over real HTTP."""

from pathlib import Path

import pytest

from tests.acceptance.deployment import deployment, wait_until

MODES = ["embedded", "processes"]


@pytest.mark.parametrize("mode", MODES)
def test_batches_and_singles_go_through_the_gate(tmp_path: Path, mode: str) -> None:
    with deployment(tmp_path, mode) as (gateway, platform):
        spec = {"project": "Newsletter", "journey": "Welcome", "actions": ["consent-check"]}
        batch = platform.create("batch", sendout="Batch", contacts=5_000, **spec)
        singles = platform.create("single", sendout="Singles", hooks=100, per_second=50, **spec)
        assert batch["hooks"][0]["status"] == 202
        seen = platform.wait_finished(batch["id"], within=30)
        assert (seen["accepted"], seen["rejected"], seen["violations"]) == (4_500, 500, [])
        # On a busy machine an acknowledgement may come too late for the platform; the hook is in all the same.
        seen = platform.wait_for(singles["id"], lambda now: now["finished"] >= singles["acknowledged"] > 0, within=30)
        assert (seen["accepted"] + seen["rejected"], seen["violations"]) == (seen["finished"], [])
        assert seen["accepted"] > 5 * seen["rejected"] > 0
        # The platform knows before the answer is stored.
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_batch WHERE status <> 'finished'") == [(0,)],
            20,
            "every answer is stored",
            gateway.tail,
        )


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_killed_in_the_middle_of_a_batch_loses_nobody(tmp_path: Path, mode: str) -> None:
    with deployment(tmp_path, mode, CHUNK_ROWS="100", SYMPLIFY_CONCURRENCY="8") as (gateway, platform):
        platform.faults(latency=0.05, repeat_status=410)
        sent = platform.create(
            "batch", project="Newsletter", journey="W", sendout="S", actions=["consent-check"], contacts=4_000
        )
        wait_until(lambda: platform.sendout(sent["id"])["calls"]["reject"] > 50, 20, "rejections leave", gateway.tail)
        assert gateway.kill("" if mode == "embedded" else "celery") > 0
        platform.excuse(sent["id"])
        if mode == "embedded":
            gateway.start()
        seen = platform.wait_finished(sent["id"], within=60)
        assert (seen["accepted"], seen["rejected"]) == (3_600, 400)
        assert (seen["violations"], seen["released_due"], seen["wrongly_rejected"]) == ([], 0, 0)
        assert seen["calls"]["finish"] == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_killed_while_it_screens_goes_on_where_it_was(tmp_path: Path, mode: str) -> None:
    with deployment(tmp_path, mode, CHUNK_ROWS="50") as (gateway, platform):
        sent = platform.create(
            "batch", project="Newsletter", journey="W", sendout="S", actions=["consent-check"], contacts=30_000
        )
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_chunk")[0][0] > 20,
            20,
            "chunks are stored",
            gateway.tail,
        )
        gateway.kill("" if mode == "embedded" else "celery")
        stored = gateway.rows("SELECT count(*) FROM sendouts_chunk")[0][0]
        assert stored < 600, "killed in the middle"
        platform.excuse(sent["id"])
        if mode == "embedded":
            gateway.start()
        seen = platform.wait_finished(sent["id"], within=60)
        assert (seen["accepted"], seen["rejected"], seen["violations"]) == (27_000, 3_000, [])
        assert gateway.rows("SELECT restarts, total FROM sendouts_batch") == [(0, 30_000)]


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_once_after_the_acknowledgement_no_hook_is_lost(tmp_path: Path, mode: str) -> None:
    with deployment(tmp_path, mode) as (gateway, platform):
        sent = platform.create(
            "single", hooks=60, project="Newsletter", journey="W", sendout="S", actions=["consent-check"]
        )
        gateway.kill()
        platform.excuse(sent["id"])
        gateway.stop()
        gateway.start()
        # On a busy machine a hook may be stored though its acknowledgement came too late for the platform.
        seen = platform.wait_for(sent["id"], lambda now: now["finished"] >= sent["acknowledged"] > 0, within=40)
        assert (seen["accepted"] + seen["rejected"], seen["violations"]) == (seen["finished"], [])


def test_deadlines_are_kept_without_redis(tmp_path: Path) -> None:
    nobody = "redis://127.0.0.1:9/0"
    with deployment(tmp_path, "processes", CELERY_BROKER_URL=nobody) as (gateway, platform):
        spec = {"journey": "W", "actions": ["consent-check"], "contacts": 1_000}
        passes = platform.create("batch", project="Hasty", sendout="A", timeout=60, **spec)
        held = platform.create("batch", project="Held", sendout="B", timeout=14, **spec)
        assert passes["hooks"][0]["status"] == held["hooks"][0]["status"] == 202
        seen = platform.wait_finished(passes["id"], within=40)
        assert (seen["accepted"], seen["rejected"], seen["violations"]) == (900, 100, [])
        wait_until(
            lambda: gateway.rows("SELECT count(*) FROM sendouts_batch WHERE status = 'expired'") == [(1,)],
            30,
            "the held batch expires",
            gateway.tail,
        )
        seen = platform.wait_for(held["id"], lambda now: not now["waiting"], within=20)
        assert (seen["timed_out"], seen["violations"]) == (1_000, [])
