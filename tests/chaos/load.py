"""Load of a run from the platform's side: creates sendouts and fires their hooks, whatever the gateway's state."""

import threading
from collections.abc import Iterator

from simulator.client import Simulator
from tests.chaos.schedule import Order


class Load(threading.Thread):
    """Places orders at their pace until it is told to stop."""

    def __init__(self, url: str, orders: Iterator[Order]) -> None:
        super().__init__(name="load", daemon=True)
        self._platform = Simulator(url)
        self._orders = orders
        self._over = threading.Event()
        # By the id that the simulator gave.
        self.placed: dict[str, Order] = {}
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            for order in self._orders:
                if self._over.wait(order.pause):
                    return
                # The hooks leave by themselves: a gateway that does not answer must not slow the next ones.
                created = self._platform.create(order.kind, **order.spec, wait=False)
                self.placed[created["id"]] = order
        except BaseException as problem:
            self.failed = problem

    def finish(self) -> dict[str, Order]:
        """Stop, and give what was placed."""
        self._over.set()
        self.join(30)
        if self.failed is not None:
            raise self.failed
        return self.placed
