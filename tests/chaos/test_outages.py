"""What the gateway stands on is taken away for some seconds while hooks arrive; everything goes on by itself."""

from collections.abc import Iterator

import pytest

from tests.chaos import outages
from tests.chaos.outages import Demands
from tests.chaos.robbing import OUTAGES, Outage
from tests.chaos.scene import Scene, scene
from tests.chaos.schedule import short
from tests.servers import Server, postgresql_server, redis_server, temporary_folder

SECONDS = 3.0
# One of each kind; the long run takes them all.
TAKEN = ("Redis hangs", "PostgreSQL stopped, immediate", "connections cut")
# A machine that is busy with other tests cannot promise prompt answers.
DEMANDS = Demands(prompt=False)
pytestmark = pytest.mark.xdist_group("outages")


@pytest.fixture(scope="module")
def own_servers() -> Iterator[tuple[Server, Server]]:
    with (
        temporary_folder("postgresql") as database,
        temporary_folder("redis") as broker,
        postgresql_server(database) as postgresql,
        redis_server(broker) as redis,
    ):
        yield postgresql, redis


@pytest.fixture(scope="module")
def robbed(own_servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("robbed")
        patch.setenv("DATABASE_URL", own_servers[0].url)
        with scene(folder, "processes", short(1), **outages.environment_of(own_servers[1], DEMANDS)) as made:
            yield made


@pytest.mark.parametrize("outage", [each for each in OUTAGES if each.name in TAKEN], ids=lambda each: each.name)
def test_everything_goes_on_by_itself(robbed: Scene, own_servers: tuple[Server, Server], outage: Outage) -> None:
    row = outages.run(robbed, outage, SECONDS, own_servers, DEMANDS)
    assert row.wrong == ()
    assert row.verdict.acknowledged > 0
