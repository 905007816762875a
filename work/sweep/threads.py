"""Threads in which a process works on rows that it has found itself, without a message of the broker."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import Error, close_old_connections

from work import outages

log = structlog.get_logger(__name__)
THREADS = 4


class WorkThreads:
    """Threads for each kind of worker, so that work of one kind waits for none of another.

    `at_once`: the number of threads of a kind; a kind that it does not name has four. `under_way` holds the rows that
    were submitted and are not done, by lane and id. Threads submit work too, so it is changed in place.
    """

    def __init__(self, at_once: Mapping[str, int] | None = None) -> None:
        self.under_way: set[tuple[str, int]] = set()
        self._at_once = at_once or {}
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self._ended = False

    def submit(self, kind: str, name: str, ids: Sequence[int], run: Callable[[Sequence[int]], object]) -> None:
        """Have a thread work on rows of this lane or chore; at the end nothing is begun any more."""
        self.under_way.update((name, pk) for pk in ids)
        if not self._start(kind, self._work, name, ids, run):
            self.under_way.difference_update((name, pk) for pk in ids)

    def end(self, *, drop: bool = False) -> None:
        """Wait for what was submitted; with `drop`, only for what has begun."""
        with self._lock:
            self._ended = True
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=drop)
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    def _start(self, kind: str, function: Callable[..., object], *given: Any) -> bool:
        with self._lock:
            if self._ended:
                return False
            if kind not in self._pools:
                at_once = self._at_once.get(kind, THREADS)
                self._pools[kind] = ThreadPoolExecutor(at_once, thread_name_prefix=f"work-{kind}")
            self._pools[kind].submit(function, *given)
        return True

    def _work(self, name: str, ids: Sequence[int], run: Callable[[Sequence[int]], object]) -> None:
        try:
            run(ids)
        except Exception:
            # This includes a database outage: the rows are still due, and a later round finds them.
            log.exception("row_work_failed", work=name, rows=len(ids), first=ids[0])
        finally:
            self.under_way.difference_update((name, pk) for pk in ids)
            close_old_connections()


@contextmanager
def survive(event: str) -> Iterator[None]:
    """Log an error of the database under this name and go on, as a loop must; return the connection at the end."""
    try:
        yield
    except Error as error:
        outages.saw(error)
        log.warning(event, error=type(error).__name__)
    finally:
        close_old_connections()
