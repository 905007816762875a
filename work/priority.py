"""Long work at a lower priority, so that short work of other processes has the processor first."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")
# Of a whole process it is 5 at most (gateway.run.processes).
NICE = 15
_works_on_one_thing = False
_thread = threading.local()


def one_thing_at_a_time() -> None:
    """Note that this process works on one thing at a time.

    In another one, a thread of lower priority would hold Python's lock while others need it.
    """
    global _works_on_one_thing
    _works_on_one_thing = True


def in_own_thread(work: Callable[[], Result]) -> Result:
    """Do the work in a thread of its own and wait for it, since no thread may raise its priority again.

    Do it here where priorities are not used.
    """
    if not _works_on_one_thing or sys.platform != "linux":
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="own") as pool:
        return pool.submit(copy_context().run, _work_and_close, work).result()


def lower() -> None:
    """Lower the priority for the rest of this work, if it has a thread of its own. Cheap when called often."""
    if getattr(_thread, "can_lower", False):
        _thread.can_lower = False
        # On Linux the number of a thread is a process id for this purpose.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _work_and_close(work: Callable[[], Result]) -> Result:
    _thread.can_lower = True
    try:
        return work()
    finally:
        connections.close_all()
