"""Batches in the hands of a worker, and a wire that answers as a test says: stages run on rows, without a platform."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.utils import timezone

from sendouts.models import Batch, Chunk, Status
from sendouts.symplify import client
from sendouts.symplify.client import Ask, Attempt
from tests.factories import batch
from work import claims


class Killed(BaseException):
    """The process ends here, and gives nothing back."""


class Platform:
    """Takes the place of the wire: keeps what is asked, and answers as the test says."""

    def __init__(self, answer: Callable[[Ask], Attempt]) -> None:
        self.asked: list[Ask] = []
        self._answer = answer

    def __call__(self, _platform: Any, asks: Iterable[Ask], **_options: float) -> Iterator[list[Attempt]]:
        for ask in asks:
            self.asked.append(ask)
            yield [self._answer(ask)]


def dies(ask: Ask) -> Attempt:
    raise Killed


def says(outcome: client.CallOutcome, status: int) -> Callable[[Ask], Attempt]:
    return lambda ask: Attempt(ask.key, outcome, status, None)


def now_of(made: Batch) -> Batch:
    return Batch.objects.select_related("project", "sendout", "plan").get(pk=made.pk)


def take(made: Batch) -> tuple[claims.Claim, Batch]:
    """Make a batch due, and claim it."""
    Batch.objects.filter(pk=made.pk).update(due_at=timezone.now())
    claim = claims.take(Batch, [made.pk])
    assert claim.ids == (made.pk,)
    return claim, now_of(made)


def claimed(status: Status, **columns: Any) -> tuple[claims.Claim, Batch]:
    """A batch that is due, in the hands of a worker."""
    return take(batch(status, **columns))


def with_chunk(made: Batch) -> Chunk:
    counts = {name: getattr(made, name) for name in ("accepted", "rejected", "undecided", "unread")}
    return Chunk.objects.create(batch=made, number=0, rows=made.total, digest=b"", **counts)
