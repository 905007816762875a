"""Scripted kinds that act: they record their calls and return the test's answers."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from actions import catalog
from actions.contract import Contact, Context, Kind, Phase, Word
from actions.effect import DONE, Applied, Effect, Pending, Rendered, Run, Wait, WholeEffect


class Written(Effect):
    """Writes `{"row": N}` for each contact; `answer` says what becomes of a page, `pages` what came."""

    name = "written"
    title = "Written"
    page_size = 10
    pages: ClassVar[list[list[Pending]]]
    lock: ClassVar[threading.Lock]
    whom: ClassVar[frozenset[Word]] = frozenset({Word.ACCEPT})

    def wants(self, verdict: Word) -> bool:
        return verdict in self.whom

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [type(self).prepare(contact) for contact in page]

    @staticmethod
    def prepare(contact: Contact) -> Rendered:
        return Rendered({"id": contact.id, **contact.given})

    @staticmethod
    def answer(page: Sequence[Pending]) -> Sequence[Applied]:
        return [DONE] * len(page)

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        with self.lock:
            self.pages.append(list(page))
        return type(self).answer(page)

    @classmethod
    def ids(cls) -> list[str]:
        """Every contact that was written, each time it was."""
        return [pending.contact_id for page in cls.pages for pending in page]


class Imported(WholeEffect):
    """Takes a batch as a whole; `steps` are the answers to one call of work after the other."""

    name = "imported"
    title = "Imported"
    steps: ClassVar[list[Callable[[Run], Wait | None]]]

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [Rendered(contact.id) for contact in page]

    def work(self, run: Run, context: Context) -> Wait | None:
        return type(self).steps.pop(0)(run)


def offered(monkeypatch: pytest.MonkeyPatch, *kinds: type[Kind]) -> None:
    """Put kinds into the catalog for one test."""
    everything = catalog._Catalog({**catalog.kinds(), **{kind.name: kind for kind in kinds}}, ())
    monkeypatch.setattr(catalog, "_catalog", lambda: everything)


def written(monkeypatch: pytest.MonkeyPatch, name: str = "written", **attributes: Any) -> type[Written]:
    """A kind of this name in the catalog, with what the test says of it."""
    more = {key: staticmethod(value) if callable(value) else value for key, value in attributes.items()}
    kind = type("OneWritten", (Written,), {"name": name, "pages": [], "lock": threading.Lock(), **more})
    offered(monkeypatch, kind)
    return kind


def told(monkeypatch: pytest.MonkeyPatch, *whom: Word, **attributes: Any) -> type[Written]:
    """A kind that tells of the outcome."""
    return written(monkeypatch, "told", phase=Phase.TRANSFER, whom=frozenset(whom), **attributes)
