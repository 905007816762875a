"""What a run takes away from the gateway, or has the platform do to it, and the end of that."""

import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment
from tests.chaos.arming import turn_clock
from tests.chaos.family import parts
from tests.servers import Server, fill
from tests.standby import ReplicatedServer

# Further than any deadline of the run, and less far: what arrived under a clock that was behind must outlive its being put right.
TWO_HOURS, HALF_AN_HOUR = 7_200.0, 1_800.0
_BACKENDS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY md5(pid::text || %s) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Servers:
    """What the gateway stands on, whom it serves, and the gateway itself.

    database: the URL of its own database in `postgresql`; folder: where its clock is turned; disk: the small one, if any.
    """

    postgresql: Server
    redis: Server
    database: str
    broker: str
    folder: Path
    platform: Simulator
    disk: Path
    gateway: Deployment


@dataclass(frozen=True, slots=True)
class Outage:
    """One thing that is taken away, or goes wrong again and again.

    stores: whether hooks can still be stored in the database meanwhile. loses: whether answers of the platform may be lost by
    it. again: what is done again and again meanwhile, with its draw; its pauses are up to `rhythm` seconds. megabytes: the size of
    the disk that holds the database and DATA_DIR, 0 for that of the machine. contacts: those of each file. tokens: whether
    files have effects, which need tokens. standby: whether PostgreSQL has a server that follows it.
    """

    name: str
    stores: bool = True
    loses: bool = False
    begin: Callable[[Servers], None] = lambda _: None
    end: Callable[[Servers], None] = lambda _: None
    again: Callable[[Servers, random.Random], None] | None = None
    rhythm: float = 0.0
    megabytes: int = 0
    contacts: int = 1_000
    tokens: bool = False
    standby: bool = False


def _restart(how: signal.Signals) -> Callable[[Servers], None]:
    return lambda servers: servers.postgresql.stop(how, within=20)


def _flush(servers: Servers, _: random.Random) -> None:
    with redis.Redis.from_url(servers.broker, socket_timeout=5) as client:
        client.flushall()


def _cut(servers: Servers, draw: random.Random) -> None:
    """End the connection of one backend, whatever it is in the middle of."""
    with psycopg.connect(servers.database, autocommit=True) as connection:
        connection.execute(_BACKENDS, [str(draw.random())])


def _replicate(*of: str) -> Callable[[Servers], None]:
    """Have Redis follow another server, or nobody: a replica takes no commands that write."""

    def told(servers: Servers) -> None:
        with redis.Redis.from_url(servers.broker, socket_timeout=5) as client:
            client.execute_command("REPLICAOF", *of)

    return told


def _fail_over(state: str) -> Callable[[Servers], None]:
    """Begin all sessions anew, as after a failover. Those that begin while the server is read-only stay so afterwards."""

    def told(servers: Servers) -> None:
        name = urlsplit(servers.database).path.lstrip("/")
        with psycopg.connect(servers.postgresql.url, autocommit=True, dbname="postgres") as connection:
            connection.execute(f'ALTER DATABASE "{name}" {state}'.encode())
            if state.startswith("SET"):
                connection.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    return told


def _take_primary(servers: Servers) -> None:
    """End the server; the one that followed it answers in its place, and reads only until it is promoted."""
    assert isinstance(servers.postgresql, ReplicatedServer)
    servers.postgresql.fail_over()


def _promote(servers: Servers) -> None:
    assert isinstance(servers.postgresql, ReplicatedServer)
    servers.postgresql.promote()


def _tell(how: signal.Signals, part: str) -> Callable[[Servers], None]:
    """Send a signal to all processes of this part of the gateway, and to their children."""

    def told(servers: Servers) -> None:
        for name, living in parts(servers.gateway).items():
            for process in living if name.startswith(part) else ():
                process.send_signal(how)

    return told


def _fault(**fault: Any) -> Callable[[Servers], None]:
    return lambda servers: _calm(servers, fault)


def _calm(servers: Servers, *faults: dict[str, Any]) -> None:
    servers.platform.faults(faults, latency=0.02, repeat_status=410)


def _take_room(servers: Servers) -> None:
    fill(servers.disk)


def _make_room(servers: Servers) -> None:
    (servers.disk / "filler").unlink()


def _revoke(servers: Servers, _: random.Random) -> None:
    servers.platform.revoke_tokens()


OUTAGES = (
    Outage("Redis stopped", begin=lambda s: s.redis.stop(), end=lambda s: s.redis.start()),
    Outage("Redis hangs", begin=lambda s: s.redis.pause(), end=lambda s: s.redis.resume()),
    Outage("Redis turned replica", begin=_replicate("127.0.0.1", "1"), end=_replicate("NO", "ONE")),
    Outage("FLUSHALL", again=_flush, rhythm=1.0),
    Outage(
        "PostgreSQL stopped, fast",
        stores=False,
        loses=True,
        begin=_restart(signal.SIGINT),
        end=lambda s: s.postgresql.start(),
    ),
    Outage(
        "PostgreSQL stopped, immediate",
        stores=False,
        loses=True,
        begin=_restart(signal.SIGQUIT),
        end=lambda s: s.postgresql.start(),
    ),
    Outage(
        "PostgreSQL hangs",
        stores=False,
        loses=True,
        begin=lambda s: s.postgresql.pause(),
        end=lambda s: s.postgresql.resume(),
    ),
    Outage(
        "sessions read-only after a failover",
        stores=False,
        loses=True,
        begin=_fail_over("SET default_transaction_read_only = on"),
        end=_fail_over("RESET default_transaction_read_only"),
    ),
    Outage("standby takes over", stores=False, loses=True, begin=_take_primary, end=_promote, standby=True),
    Outage("connections cut", stores=False, loses=True, again=_cut, rhythm=0.4),
    Outage("beat hangs", begin=_tell(signal.SIGSTOP, "beat"), end=_tell(signal.SIGCONT, "beat")),
    Outage("workers hang", loses=True, begin=_tell(signal.SIGSTOP, "worker"), end=_tell(signal.SIGCONT, "worker")),
    Outage(
        "clock two hours ahead", begin=lambda s: turn_clock(s.folder, TWO_HOURS), end=lambda s: turn_clock(s.folder, 0)
    ),
    Outage("disk full", stores=False, loses=True, begin=_take_room, end=_make_room, megabytes=400),
    Outage("links that expire", begin=_fault(kind="expire", seconds=5), end=_calm),
    Outage("downloads reset when read slowly", begin=_fault(kind="close_slow", seconds=1), end=_calm, contacts=20_000),
    Outage("tokens end", again=_revoke, rhythm=1.0, tokens=True),
    Outage(
        "clock half an hour behind",
        begin=lambda s: turn_clock(s.folder, -HALF_AN_HOUR),
        end=lambda s: turn_clock(s.folder, 0),
    ),
)


def keep_at_it(
    outage: Outage, servers: Servers, draw: random.Random, over: threading.Event, after: Callable[[], None]
) -> None:
    """Do what is done again and again until it is over; `after` each time, where answers may be lost."""
    while outage.again is not None and not over.wait(draw.uniform(0, outage.rhythm)):
        outage.again(servers, draw)
        if outage.loses:
            after()
