"""`make bench`: real batches through a real gateway, measured from outside. Loopback only, bounded in count and time."""

import argparse
import platform as machine
import signal
import sys
from datetime import UTC, datetime

import psutil

from simulator.client import Simulator
from tests.benchmarks.beside import Beside, beside, beside_table
from tests.benchmarks.deployment import MODES, Gateway, NotStarted, gateway
from tests.benchmarks.measuring import HOOKS_PER_SECOND, Acknowledgements, Run, acknowledge, measure
from tests.benchmarks.pages import Looking, looking, looking_aim, looking_table
from tests.benchmarks.queue import FromQueue, from_queue, queue_table
from tests.benchmarks.reporting import acknowledgements_table, aims, table, together
from tests.benchmarks.suppressing import Suppressing, suppressing, suppressing_aim, suppressing_table
from tests.servers import TEST_AUTH

SIZES = (1_000, 10_000, 100_000)
LATENCIES = (0.0, 0.02)
WARM_UP = 2_000
LARGEST = 2_000_000
LOOKED_UP = 100_000


def main() -> int:
    asked = _arguments()
    # So that the servers that were started are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs: list[Run] = []
    measured: list[Acknowledgements] = []
    besides: list[Beside] = []
    queued: list[FromQueue] = []
    lists: list[Suppressing] = []
    pages: list[Looking] = []
    print(
        f"{psutil.cpu_count()} cores, {machine.machine()}, Python {machine.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d}, load before {psutil.getloadavg()[0]:.1f}; "
        "10 % of the contacts are rejected; the simulator runs on the same cores.",
        flush=True,
    )
    try:
        for mode in asked.modes:
            _measure_mode(mode, asked, runs, measured)
            if asked.beside:
                besides.append(_beside(mode, asked.beside))
            if asked.queue:
                queued.append(from_queue(mode, asked.queue))
            if asked.listed:
                lists += suppressing(mode, asked.listed, LOOKED_UP)
            if asked.looked:
                pages += looking(mode, asked.looked)
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    print(f"\n{table(runs)}\n")
    if measured:
        print(f"Acknowledgements at {HOOKS_PER_SECOND} hooks a second:\n{acknowledgements_table(measured)}\n")
    if besides:
        print(f"Singles, hook to finish in ms, on an idle gateway and beside one batch:\n{beside_table(besides)}\n")
    if queued:
        print(
            f"Messages of a queue, stored and deleted; one stand-in for AWS on the same cores:\n{queue_table(queued)}\n"
        )
    if lists:
        print(f"Suppression lists, a file read and contacts looked up:\n{suppressing_table(lists)}\n")
    if pages:
        print(f"The page of one batch, as a person and as an open page ask for it:\n{looking_table(pages)}\n")
    print("\n".join((*aims(runs, measured), *suppressing_aim(lists), *looking_aim(pages))))
    wrong = [sentence for run in runs for sentence in run.wrong] + [
        sentence for one in (*measured, *besides, *lists) for sentence in one.wrong
    ]
    for sentence in wrong:
        print(f"WRONG    {sentence}")
    return 1 if wrong else 0


def _measure_mode(mode: str, asked: argparse.Namespace, runs: list[Run], measured: list[Acknowledgements]) -> None:
    for latency in LATENCIES:
        # A gateway of its own: it learns from the answers how many rejections may be under way at once.
        with gateway(mode) as running, _simulator(running.hook_url) as platform:
            measure(mode, running, platform, WARM_UP, latency)
            for contacts in sorted(asked.sizes):
                runs.append(_median(running, platform, mode, contacts, latency, asked.repeat))
    if asked.hook_seconds:
        with gateway(mode) as running, _simulator(running.hook_url) as platform, _simulator(running.hook_url) as others:
            measure(mode, running, platform, WARM_UP, 0.0)
            largest = min(max(asked.sizes), SIZES[-1])
            measured.append(acknowledge(mode, running, platform, others, largest, asked.hook_seconds))


def _beside(mode: str, contacts: int) -> Beside:
    with gateway(mode) as running, _simulator(running.hook_url) as platform, _simulator(running.hook_url) as others:
        measure(mode, running, platform, WARM_UP, 0.0)
        return beside(mode, platform, others, contacts)


def _median(running: Gateway, platform: Simulator, mode: str, contacts: int, latency: float, repeat: int) -> Run:
    # A very large batch is its own repetition.
    times = repeat if contacts <= SIZES[-1] else 1
    run = together([measure(mode, running, platform, contacts, latency) for _ in range(times)])
    print(f"{MODES[mode]}: {contacts:,} contacts, {latency * 1000:.0f} ms a cancel: {run.seconds:.2f} s", flush=True)
    if run.wrong:
        print(running.said(), file=sys.stderr)
    return run


def _simulator(hook_url: str) -> Simulator:
    return Simulator.start(target=hook_url, basic_auth=TEST_AUTH)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sizes", type=_size, nargs="*", default=SIZES, help="contacts of the batches")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--repeat", type=int, default=3, help="runs for each figure, whose median is printed")
    parser.add_argument("--hook-seconds", type=float, default=20.0, help="how long hooks are fired; 0: not at all")
    parser.add_argument("--quick", action="store_true", help="up to 10,000 contacts, once each")
    parser.add_argument("--million", action="store_true", help="a batch of 1,000,000 contacts besides")
    parser.add_argument(
        "--beside", type=int, default=1_000_000, help="contacts of the batch beside which singles are measured; 0: none"
    )
    parser.add_argument("--queue", type=int, default=2_000, help="messages of a queue; 0: not measured")
    parser.add_argument("--listed", type=int, default=1_000_000, help="entries of suppression lists; 0: none")
    parser.add_argument("--looked", type=int, default=1_000_000, help="decisions under a page; 0: not measured")
    asked = parser.parse_args()
    if asked.quick:
        asked.sizes, asked.repeat, asked.hook_seconds = SIZES[:2], 1, 5.0
        asked.beside = asked.queue = asked.listed = asked.looked = 0
    if asked.million:
        asked.sizes = [*asked.sizes, 1_000_000]
    asked.beside = max(0, min(asked.beside, LARGEST))
    asked.queue = max(0, min(asked.queue, 100_000))
    asked.listed = max(0, min(asked.listed, LARGEST))
    asked.looked = max(0, min(asked.looked, LARGEST))
    asked.repeat = max(1, min(asked.repeat, 20))
    asked.hook_seconds = max(0.0, min(asked.hook_seconds, 300.0))
    return asked


def _size(text: str) -> int:
    size = int(text.replace(",", "").replace("_", ""))
    if not 0 < size <= LARGEST:
        raise argparse.ArgumentTypeError(f"from 1 to {LARGEST:,} contacts")
    return size


if __name__ == "__main__":
    sys.exit(main())
