"""Helpers for tests of kinds: contexts, planned actions and a scripted kind."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from actions import catalog
from actions.contract import ACCEPT, Check, Contact, Context, Kind, Permanent, Verdict
from actions.plan.merge import PlannedAction
from actions.plan.run import Result, run_plan
from outbound.guard import AllowList
from outbound.session import GuardedSession
from tests.outbound.site import Request, Site, reply


def make_context(seconds: float = 30.0, allowed: Sequence[str] = ("127.0.0.1",)) -> Context:
    """Return a context with a budget that runs out on the clock."""
    ends = time.monotonic() + seconds
    allow = AllowList.parse(allowed, allow_http=True)

    def credential(name: str) -> dict[str, str]:
        if name != "consent":
            raise Permanent(f"The environment names no credential “{name}”.")
        return {"Authorization": "Bearer shared-secret"}

    return Context(
        project="Newsletter",
        journey="Welcome",
        sendout="Day 1",
        details={},
        time_left=lambda: ends - time.monotonic(),
        http=lambda: GuardedSession(allow),
        credential=credential,
    )


def planned(kind: str, config: Any = None, identifier: str = "a", on_failure: str = "hold") -> PlannedAction:
    """Return one step of a plan."""
    return PlannedAction(identifier, kind, json.dumps(config or {}), on_failure, "{}", "check", ())


# One for all tests; only the pages of kinds that wait use its threads.
_POOL = ThreadPoolExecutor(8)


def run(
    actions: Sequence[PlannedAction],
    contacts: Sequence[Contact],
    seconds: float = 30.0,
    make: Callable[[PlannedAction], Context] | None = None,
    **other: Any,
) -> Result:
    """Run a plan over contacts, in a context of this many seconds or one that `make` returns."""
    context = make_context(seconds)
    return run_plan(actions, contacts, make or (lambda action: context), pool=_POOL, **other)


def people(number: int, **fields: Any) -> list[Contact]:
    return [Contact(f"A-{place}", {"place": place, **fields}) for place in range(number)]


class Scripted(Check):
    """A kind whose answers a test writes; `pages` are the ids that it was asked about."""

    title = "Scripted"
    page_size = 10
    answer: Callable[[Sequence[Contact]], Any]
    pages: list[list[str]]
    lock: threading.Lock

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        with self.lock:
            self.pages.append([contact.id for contact in page])
        answer: Sequence[Verdict] = type(self).answer(page)
        return answer


def scripted(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Sequence[Contact]], Any],
    name: str = "scripted",
    **attributes: Any,
) -> type[Scripted]:
    """Put a scripted kind into the catalog for one test."""
    namespace = {"name": name, "answer": staticmethod(answer), "pages": [], "lock": threading.Lock(), **attributes}
    kind = type("OneScripted", (Scripted,), namespace)
    everything = {**catalog.kinds(), name: kind}
    monkeypatch.setattr(catalog, "kind", everything.__getitem__)
    monkeypatch.setattr(catalog, "kinds", lambda: everything)
    return kind


def accept_all(page: Sequence[Contact]) -> list[Verdict]:
    return [ACCEPT] * len(page)


def refused_at(kind: type[Kind], config: dict[str, Any]) -> list[tuple[str | int, ...]]:
    """Return where a configuration has its faults."""
    with pytest.raises(ValidationError) as caught:
        kind.read_config(config)
    return [error["loc"] for error in caught.value.errors()]


Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Service:
    """A small web service: its address, and what it was asked."""

    url: str = ""
    questions: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def service(answer: Callable[[int, Any], Reply | None]) -> Iterator[Service]:
    """Answer the nth question so, on a free port of 127.0.0.1; None closes the connection without an answer."""
    state, lock = Service(), threading.Lock()

    def serve(request: Request) -> bytes:
        with lock:
            number = len(state.questions)
            state.questions.append(json.loads(request.body))
            state.headers.append(request.headers)
        said = answer(number, state.questions[number])
        if said is None:
            return b""
        status, headers, content = said
        named = {name.replace("-", "_"): value for name, value in headers.items()}
        return reply(status, content, **named, Connection="close")

    site = Site(serve)
    state.url = site.uri("/check?key=secret")
    try:
        yield state
    finally:
        site.close()
