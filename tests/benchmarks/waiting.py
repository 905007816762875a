"""Plain work beside everything that can wait at once: a silent service, a silent host, reviews, a large file, no broker.

`python -m tests.benchmarks.waiting` prints how long plain singles take, a plain batch alone and beside all of it, and
whether the actions at the deadlines came in time.
"""

import argparse
import json
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from statistics import median
from typing import Any

from simulator.client import Report, Simulator
from tests.acceptance.deployment import wait_until
from tests.benchmarks.deployment import CONFIG, MODES, gateway
from tests.benchmarks.measuring import SLOWEST, finished
from tests.outbound.site import Request, Site, reply
from tests.servers import TEST_AUTH, redis_server, temporary_folder

ASK = '{{identifier: ask, kind: consent_check, config: {{url: "{url}"}}}}'
PROJECTS = """
  - {{name: Slow, actions: [{ask}]}}
  - {{name: Closing, at_deadline: reject, answer_within: 90s, actions: [{ask}]}}
  - {{name: Held, review: always, actions: [{{identifier: ask, kind: field_rule, config: {{field: a, reject_if: {{equals: 1}}}}}}]}}
"""
CLOSING_SECONDS = 90
PER_SECOND = 10
# The lanes of what waits for nobody, and how long it may take until nothing in them is due for some seconds.
OWN_LANES = ("hooks", "singles", "downloads", "files")
SETTLE_SECONDS = 600
# Plain batches, one after the other, of which the median counts.
BATCHES = 5
CALM_SECONDS = 3.0
SILENT = {"faults": [{"kind": "hang", "on": way} for way in ("reject", "finish")]}


class Waiting:
    """One gateway, with a platform that answers and one that does not."""

    def __init__(self, mode: str, asked: argparse.Namespace, stack: ExitStack) -> None:
        self._asked = asked
        self._go_on = threading.Event()
        service = stack.enter_context(closing(Site(self._hang)))
        # Before the site is closed: it waits for its answers.
        stack.callback(self._go_on.set)
        config = CONFIG + PROJECTS.format(ask=ASK.format(url=f"http://127.0.0.1:{service.port}/ask"))
        more = {}
        if mode == "processes":
            folder = stack.enter_context(temporary_folder("broker"))
            self._broker = stack.enter_context(redis_server(Path(folder)))
            more["CELERY_BROKER_URL"] = self._broker.url
        self._gateway = running = stack.enter_context(gateway(mode, config=config, **more))
        self._platform = stack.enter_context(Simulator.start(target=running.hook_url, basic_auth=TEST_AUTH))
        self._silent = stack.enter_context(Simulator.start(target=running.hook_url, basic_auth=TEST_AUTH))
        # Of the large file: a platform serves its accounts by more than one process.
        self._other = stack.enter_context(Simulator.start(target=running.hook_url, basic_auth=TEST_AUTH))

    def _hang(self, request: Request) -> bytes:
        self._go_on.wait(3600)
        asked = json.loads(request.body)["contacts"]
        return reply(body=json.dumps({"verdicts": dict.fromkeys(asked, True)}).encode())

    def fire(self, kind: str, project: str, sendout: str, *, platform: Simulator | None = None, **more: Any) -> Report:
        spec = {"project": project, "journey": "J", "sendout": sendout, "timeout": 3600}
        spec["actions"] = ["consent-check" if project == "Newsletter" else "ask"]
        return (platform or self._platform).create(kind, **(spec | more))

    def alone(self) -> float:
        """Return the median seconds of a plain batch on an idle gateway."""
        self._plain("warm-up")
        return median(self._plain(f"alone {number}") for number in range(BATCHES))

    def _plain(self, sendout: str) -> float:
        contacts = self._asked.plain
        made = self.fire("batch", "Newsletter", sendout, contacts=contacts)
        report = finished(self._platform, made["id"], 120 + contacts / SLOWEST)
        took = report["finished_at"] - report["first_hook_at"] if report["finished"] else float("nan")
        return float(took)

    def load(self) -> list[str]:
        """Have everything wait that can, and see that it waits; return the sendouts whose deadline action must come."""
        asked = self._asked
        if asked.review:
            self.fire("single", "Held", "reviewed", hooks=asked.review)
        for number in range(asked.batches):
            self.fire("batch", "Slow", f"file {number}", contacts=1_000)
        self.fire("single", "Slow", "singles", hooks=asked.singles)
        for number in range(asked.silent):
            self.fire("batch", "Newsletter", f"silent {number}", platform=self._silent, contacts=1_000, faults=SILENT)
        self.fire("single", "Newsletter", "silent", platform=self._silent, hooks=10 * asked.silent, faults=SILENT)
        self._settle()
        closing = [self.fire("batch", "Closing", "file", contacts=100)["id"]]
        closing.append(self.fire("single", "Closing", "singles", hooks=50)["id"])
        if asked.file:
            self.fire("batch", "Newsletter", "large", platform=self._other, contacts=asked.file)
        if asked.broker_away and hasattr(self, "_broker"):
            self._broker.stop()
        return closing

    def _settle(self) -> None:
        """Wait until every hook is planned, and no worker but those that repeat calls is at work on what was fired."""
        busy_at = time.monotonic()

        def is_calm() -> bool:
            nonlocal busy_at
            lanes = self._gateway.lanes()
            if any(lanes[name] != (0.0, 0) for name in OWN_LANES):
                busy_at = time.monotonic()
            return time.monotonic() - busy_at > CALM_SECONDS

        wait_until(is_calm, SETTLE_SECONDS, "everything waits", lambda: str(self._gateway.lanes()))

    def beside(self) -> tuple[float, dict[str, float], int]:
        """Return the median seconds of a plain batch, the times of plain singles in ms, and how many singles were late."""
        hooks = PER_SECOND * self._asked.seconds
        found: list[Report] = []

        def singles() -> None:
            made = self.fire("single", "Newsletter", "singles", hooks=hooks, per_second=PER_SECOND)
            found.append(finished(self._platform, made["id"], 120))

        thread = threading.Thread(target=singles)
        thread.start()
        seconds = median(self._plain(f"beside {number}") for number in range(BATCHES))
        thread.join()
        return seconds, found[0]["finish_ms_after_hook"] or {}, hooks - found[0]["finished"]

    def late(self, closing: list[str], began: float) -> int:
        """Return how many contacts timed out, though their project rejects at the deadline."""
        left = began + CLOSING_SECONDS + 60 - time.monotonic()
        with suppress(AssertionError):
            wait_until(lambda: not any(self._platform.sendout(each)["waiting"] for each in closing), left, "all ended")
        ends = [self._platform.sendout(each) for each in closing]
        return sum(end["timed_out"] + end["waiting"] for end in ends)


def main() -> int:
    asked = _arguments()
    for mode in asked.modes:
        with ExitStack() as stack:
            waiting = Waiting(mode, asked, stack)
            alone = waiting.alone()
            began = time.monotonic()
            closing = waiting.load()
            seconds, times, left = waiting.beside()
            late = waiting.late(closing, began)
        shown = ", ".join(f"{name} {times.get(name, float('nan')):.0f} ms" for name in ("p50", "p99", "max"))
        print(
            f"{MODES[mode]}: {asked.batches} batches and {asked.singles:,} singles at a silent service, {asked.silent} "
            f"batches at a silent host, {asked.review:,} singles in review, a file of {asked.file:,}"
            f"{', no broker' if asked.broker_away and mode == 'processes' else ''}:\n"
            f"  plain singles: {shown}, not answered {left}\n"
            f"  a plain batch of {asked.plain:,}: alone {alone:.1f} s, beside {seconds:.1f} s, × {seconds / alone:.2f}\n"
            f"  deadline actions that were late: {late}",
            flush=True,
        )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.waiting", description=__doc__)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--batches", type=int, default=20, help="batches at a service that does not answer")
    parser.add_argument("--singles", type=int, default=2_000, help="singles at it")
    parser.add_argument("--silent", type=int, default=3, help="batches, and tens of singles, of a silent platform host")
    parser.add_argument("--review", type=int, default=10_000, help="singles that wait for a person")
    parser.add_argument("--file", type=int, default=1_000_000, help="contacts of a large file; 0: none")
    parser.add_argument("--plain", type=int, default=10_000, help="contacts of the plain batch")
    parser.add_argument("--seconds", type=int, default=60, help="how long plain singles are fired, ten a second")
    parser.add_argument("--broker-away", action="store_true", help="stop the broker as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
