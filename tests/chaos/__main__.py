"""`make chaos`: real processes on real servers, killed and robbed again and again. Loopback only, bounded, seeded."""

import argparse
import os
import secrets
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import django

import tests.environment  # noqa: F401  (it sets the environment)

# The settings come first: functions that run beside the gateway name its models.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
django.setup()

from tests.chaos import door, kills, outages, points  # noqa: E402
from tests.chaos.outages import Demands  # noqa: E402
from tests.chaos.reporting import Row, table  # noqa: E402
from tests.chaos.robbing import OUTAGES, Outage  # noqa: E402
from tests.chaos.scene import scene  # noqa: E402
from tests.chaos.schedule import Schedule, short  # noqa: E402
from tests.servers import postgresql_server, redis_server, servers, temporary_disk, temporary_folder  # noqa: E402
from tests.standby import replicated_server  # noqa: E402

MODES = ("processes", "embedded")
MOST_KILLS = 2_000
SHORT_KILLS = 8
SHORT_OUTAGE, LONGEST_OUTAGE = 3.0, 600.0


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"seed {asked.seed}", flush=True)
    began = time.monotonic()
    rows: list[Row] = []
    modes = MODES if asked.mode == "both" else (asked.mode,)
    schedule = short(asked.seed) if asked.short else Schedule(asked.seed)
    with temporary_folder("chaos") as folder, servers(durable=True) as found:
        os.environ |= {"DATABASE_URL": found["DATABASE_URL"], "TEST_BROKER_URL": found["CELERY_BROKER_URL"]}
        if asked.only in ("", "kills"):
            for mode in modes:
                with scene(folder / f"kills-{mode}", mode, schedule) as made:
                    rows.append(_said(kills.run(made, asked.kills)))
        if asked.only in ("", "points"):
            for mode in modes:
                with scene(folder / f"points-{mode}", mode, schedule) as made:
                    rows.append(_said(points.run(made)))
        if asked.only in ("", "door"):
            with scene(folder / "door", "processes", schedule, JOURNAL="1") as made:
                rows.append(_said(door.run(made, asked.kills, asked.replacements, prompt=not asked.short)))
        if asked.only in ("", "outages"):
            for outage in OUTAGES:
                if asked.outage in outage.name:
                    rows.append(_said(_outage(folder, outage, schedule, asked)))
        if asked.keep:
            _keep(folder, asked.keep)
    print(f"\n{table(rows)}\n\nseed {asked.seed}, {time.monotonic() - began:.0f} s")
    return 1 if any(row.wrong for row in rows) else 0


def _outage(folder: Path, outage: Outage, schedule: Schedule, asked: argparse.Namespace) -> Row:
    """On servers of its own: what one outage leaves behind must not be the next one's."""
    own = folder / outage.name.replace(" ", "-")
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        place = stack.enter_context(temporary_folder("postgresql"))
        if outage.megabytes:
            place = stack.enter_context(temporary_disk(place, 1_000 * outage.megabytes))
            environment["DATA_DIR"] = str(place / "data")
        if outage.tokens:
            # Of the environment; it would hide the stored one.
            environment["CREDENTIAL_SYMPLIFY"] = ""
        found = (
            stack.enter_context(replicated_server(place) if outage.standby else postgresql_server(place)),
            stack.enter_context(redis_server(stack.enter_context(temporary_folder("redis")))),
        )
        os.environ |= {"DATABASE_URL": found[0].url}
        demands = Demands(asked.journal, prompt=not asked.short)
        environment |= outages.environment_of(found[1], demands)
        made = stack.enter_context(scene(own, "processes", schedule, **environment))
        return outages.run(made, outage, asked.seconds, found, demands)


def _said(row: Row) -> Row:
    print(f"{row.scenario}: {'WRONG' if row.wrong else 'right'}", flush=True)
    for sentence in row.wrong[:20]:
        print(f"    {sentence}", flush=True)
    return row


def _keep(folder: Path, where: Path) -> None:
    where.mkdir(parents=True, exist_ok=True)
    for log in folder.rglob("gateway.log"):
        (where / f"{log.parent.name}.log").write_bytes(log.read_bytes())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="the same seed, the same schedule"
    )
    parser.add_argument("--kills", type=int, default=200, help="random kills in each mode")
    parser.add_argument(
        "--replacements", type=int, default=20, help="how often all parts are replaced beside the kills"
    )
    parser.add_argument("--mode", choices=[*MODES, "both"], default="both")
    parser.add_argument("--only", choices=["kills", "points", "door", "outages"], default="")
    parser.add_argument("--outage", default="", help="only outages whose name holds this")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each outage lasts")
    parser.add_argument("--journal", action="store_true", help="with JOURNAL=1: no hook may be refused")
    parser.add_argument("--short", action="store_true", help="the round that is part of `make test`")
    parser.add_argument("--keep", type=Path, help="a folder for the gateway's logs")
    asked = parser.parse_args()
    asked.replacements = 1 if asked.short else max(0, min(asked.replacements, MOST_KILLS))
    asked.kills = SHORT_KILLS if asked.short else max(1, min(asked.kills, MOST_KILLS))
    asked.seconds = SHORT_OUTAGE if asked.short else max(1.0, min(asked.seconds, LONGEST_OUTAGE))
    return asked


if __name__ == "__main__":
    sys.exit(main())
