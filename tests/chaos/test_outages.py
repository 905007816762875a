"""What the gateway stands on is taken away for some seconds while hooks arrive; everything goes on by itself."""

from pathlib import Path

import pytest

from tests.chaos import outages
from tests.chaos.outages import Demands
from tests.chaos.robbing import OUTAGES, Outage
from tests.chaos.schedule import short
from tests.servers import postgresql_server, redis_server, temporary_folder

SECONDS = 3.0
# One of each kind; the long run takes them all.
TAKEN = ("Redis hangs", "PostgreSQL stopped, immediate", "connections cut")


@pytest.mark.parametrize("outage", [each for each in OUTAGES if each.name in TAKEN], ids=lambda each: each.name)
def test_everything_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outage: Outage) -> None:
    with (
        temporary_folder("postgresql") as database,
        temporary_folder("redis") as broker,
        postgresql_server(database) as postgresql,
        redis_server(broker) as redis,
    ):
        monkeypatch.setenv("DATABASE_URL", postgresql.url)
        row = outages.run(tmp_path, outage, short(1), SECONDS, (postgresql, redis), Demands(prompt=False))
    assert row.wrong == ()
    assert row.verdict.acknowledged > 0
