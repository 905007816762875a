"""Workers that exist, hold their connection and hear nothing are found out by what they do not do."""

from pathlib import Path

from tests.acceptance.deployment import deployment, frozen, health, wait_until


def test_workers_that_hear_nothing_are_told_while_the_sweep_does_their_work(tmp_path: Path) -> None:
    with deployment(tmp_path, "processes") as (gateway, platform):
        sent: list[str] = []
        deaf = ("workers_silent", "small")

        def fire() -> None:
            report = platform.create(
                "single", project="Newsletter", journey="W", sendout="S", actions=["consent-check"]
            )
            sent.append(report["id"])

        fire()
        platform.wait_finished(sent[0], within=30)
        with frozen(gateway, "small@"):

            def found_out() -> bool:
                fire()
                return deaf in health(gateway)[1]

            wait_until(found_out, 90, "the workers are found out", gateway.tail)
            platform.wait_finished(sent[-1], within=30)
            assert health(gateway)[0] == 200, "the work gets done"
        wait_until(lambda: deaf not in health(gateway)[1], 90, "the alarm is over", gateway.tail)
        for each in sent:
            seen = platform.wait_finished(each, within=30)
            assert (seen["finished"], seen["violations"]) == (1, [])
