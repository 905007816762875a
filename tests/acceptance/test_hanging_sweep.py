"""A sweep that hangs cannot tell; the web process and the task of beat do."""

from pathlib import Path

from tests.acceptance.deployment import deployment, frozen, health, wait_until


def test_a_sweep_that_hangs_is_told_by_health_and_by_the_task_of_beat(tmp_path: Path) -> None:
    with deployment(tmp_path, "processes") as (gateway, _platform):
        both = "SELECT count(*) FROM sendouts_pulse WHERE name IN ('sweep', 'beat')"
        wait_until(lambda: gateway.rows(both) == [(2,)], 30, "both loops gave a sign of life", gateway.tail)
        with frozen(gateway, "manage.py sweep") as hit:
            assert hit == 1
            wait_until(lambda: health(gateway)[0] == 503, 90, "health tells", gateway.tail)
            assert ("sweep_silent", "") in health(gateway)[1]
            written = "SELECT count(*) FROM sendouts_alarm WHERE code = 'sweep_silent' AND closed_at IS NULL"
            wait_until(lambda: gateway.rows(written) == [(1,)], 90, "the task of beat tells", gateway.tail)
        wait_until(lambda: health(gateway)[0] == 200, 30, "it is ready again", gateway.tail)
