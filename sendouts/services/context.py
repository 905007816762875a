"""Context that a kind receives besides the contacts."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial

from django.utils import timezone

from actions.contract import Context
from actions.plan.merge import PlannedAction, words_of
from actions.suppression.lookups import suppressed
from outbound.breaker import service_breakers
from outbound.guard import AllowList
from outbound.session import GuardedSession
from sendouts.models import Batch
from sendouts.services import credentials
from sendouts.services.codes import Pools
from sendouts.services.hosts import services

_local = threading.local()


# Pages that one worker sends to other services at once.
PAGES_IN_FLIGHT = 16


def own_pool() -> ThreadPoolExecutor:
    """Return the pool of this worker; its threads keep their connections from one page to the next.

    Each worker has its own: a slow service that fills it delays only the batch that needs it.
    """
    if not hasattr(_local, "pool"):
        _local.pool = ThreadPoolExecutor(PAGES_IN_FLIGHT, thread_name_prefix="services")
    pool: ThreadPoolExecutor = _local.pool
    return pool


class Contexts:
    """Factory for action contexts, for batches that share project and sendout; `ends` is the end of their time."""

    def __init__(self, batch: Batch, ends: datetime) -> None:
        self.ends = ends
        self._batch_number = batch.pk
        self._empty_words = words_of(batch.plan.content)
        self._names = batch.project.name, batch.sendout.journey, batch.sendout.name
        # Read here: worker threads use what this process read last.
        credentials.stored()

    def of(self, action: PlannedAction) -> Context:
        project, journey, sendout = self._names
        ends = self.ends
        # Look hosts up here, so that worker threads do not each hold a database connection.
        allow = services()
        context = Context(
            project=project,
            journey=journey,
            sendout=sendout,
            details=json.loads(action.details),
            time_left=lambda: (ends - timezone.now()).total_seconds(),
            http=lambda: staff_session(allow),
            credential=credentials.headers,
            suppressed=partial(suppressed, project=project),
            empty_words=self._empty_words,
        )
        context = replace(
            context,
            credential=partial(credentials.headers, context=context),
            renewed=partial(credentials.renewed, context=context),
        )
        return replace(context, codes=Pools(self._batch_number, context))


def staff_session(allow: AllowList) -> GuardedSession:
    """Return this thread's session for services that staff configured, with their own allow-list."""
    if getattr(_local, "allow", None) != allow:
        _local.allow, _local.session = allow, GuardedSession(allow, breakers=service_breakers)
    session: GuardedSession = _local.session
    return session
