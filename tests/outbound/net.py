"""What the tests of the way out call with, and whom they call."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

from outbound.fanout import Fanout, FanoutAnswer, FanoutCall
from outbound.guard import AllowList
from outbound.session import GuardedSession
from tests.outbound.site import Request, Site, reply


class Net:
    """Makes sites and clients for http too, and closes them with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def site(self, answer: Callable[[Request], bytes] = lambda request: reply(), **options: Any) -> Site:
        return self._stack.enter_context(closing(Site(answer, **options)))

    def fanout(self, *entries: str, **settings: Any) -> Fanout:
        return self._stack.enter_context(closing(Fanout(AllowList.parse(entries, allow_http=True), **settings)))

    def session(self, *entries: str, **settings: Any) -> GuardedSession:
        return self._stack.enter_context(closing(GuardedSession(AllowList.parse(entries, allow_http=True), **settings)))

    def send(self, fanout: Fanout, *uris: str, **options: Any) -> dict[Any, FanoutAnswer]:
        """Send URIs, keyed by their place, and give the answers by key; fails where a key is answered twice."""
        answers: dict[Any, FanoutAnswer] = {}
        for some in fanout.send([FanoutCall(place, uri) for place, uri in enumerate(uris)], **options):
            for answer in some:
                assert answer.key not in answers
                answers[answer.key] = answer
        return answers

    def ask(self, home: Site, uri: str = "", **settings: Any) -> FanoutAnswer:
        """Call one site once by a fan-out of its own."""
        return self.send(self.fanout(f"127.0.0.1:{home.port}", **settings), uri or home.uri())[0]
