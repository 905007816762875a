"""Answers of the platform that a fault may have lost, so that exactly their repeats are excused.

After a kill, what the platform has done and the gateway has not stored is what may be repeated: no more. The simulator is told
for the sendouts concerned, and the number is kept, so that the oracles can say of each sendout how many repeats it may have.
"""

from collections import Counter
from collections.abc import Iterable

import psutil
import requests

from simulator.client import Simulator
from tests.acceptance.deployment import Deployment, wait_until
from tests.chaos import stored

NEWS_SECONDS = 20


class Losses:
    """What was excused so far, by the name of the sendout."""

    def __init__(self, gateway: Deployment, platform: Simulator) -> None:
        self._gateway = gateway
        self._platform = platform
        self.rejections: Counter[str] = Counter()
        self.finishes: Counter[str] = Counter()

    def excuse(self, before: dict[str, dict[str, int]] | None = None) -> None:
        """Excuse what is done on the platform and not stored here.

        before: what was stored earlier, where the database cannot be asked now, or lost its connections meanwhile.
        """
        # The rows are read first: what is stored between the two looks makes the difference larger, never too small.
        kept = stored.totals(stored.batches(self._gateway)) if before is None else before
        for report in self._platform.sendouts():
            name = report["sendout"]
            known = kept.get(name, {})
            rejections = report["rejected"] - known.get("confirmed", 0)
            finishes = report["finished"] - known.get("finished", 0)
            if rejections > 0 or finishes > 0:
                self._platform.excuse(report["id"])
                self.rejections[name] += max(0, rejections)
                self.finishes[name] += max(0, finishes)


def wait_for_news(platform: Simulator, dead: Iterable[int]) -> None:
    """Wait until these processes are gone, and the platform has read whatever they had sent and heard that they hung up.

    Then what it has done is all that their calls will do.
    """
    assert platform.process is not None
    simulator = psutil.Process(platform.process.pid)
    ids = list(dead)

    def heard() -> bool:
        wires = simulator.net_connections("tcp")
        return not any(map(_lives, ids)) and not any(wire.status == psutil.CONN_CLOSE_WAIT for wire in wires)

    wait_until(heard, NEWS_SECONDS, "the platform hears that its callers are dead")


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def answers(url: str, within: float) -> bool:
    """Whether anything answers at this address in time."""
    try:
        requests.get(url, timeout=within)
    except requests.RequestException:
        return False
    return True
