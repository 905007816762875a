"""Consent service in several common API styles: which contacts are known, and which refused.

It is not part of Symplify, but an example of a service that integrators call. By default contacts whose number ends in
0 refuse.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote

from simulator.bodies import BadRequestError, Body, Flag
from simulator.platform.faults import Faults
from simulator.services.oauth import OAuth, not_valid
from simulator.wire.http import Request
from simulator.wire.replies import Reply, answer, json_reply

RECORDED_AT = "2026-01-31T09:30:00+01:00"
_NUMBER = re.compile(r"\d+")


class ConsentSettings(Body):
    """Behaviour of the service.

    `refusing`: None means the default rule. `unknown`: contacts left out of every answer. `token`: required from
    callers. `oauth`: a token of the token endpoint is required.
    """

    refusing: frozenset[str] | None = None
    unknown: frozenset[str] = frozenset()
    token: str = ""
    oauth: Flag = False


class Consent:
    """Handler of requests under /consent/."""

    def __init__(self, oauth: OAuth) -> None:
        self.oauth = oauth
        self.asked: Counter[str] = Counter()
        self.most_in_one = 0
        self.settings = ConsentSettings()
        self._routes: dict[tuple[bytes, str], Callable[[Any, str], Reply]] = {
            (b"POST", "check"): lambda body, _: self._map(_texts(body, "contacts")),
            (b"PUT", "people"): lambda body, _: self._objects(_keys(body, "people")),
            (b"POST", "consenting"): lambda body, _: self._consenting(_texts(body, "ids")),
            (b"GET", "suppressed"): lambda _, query: self._suppressed(_asked(query)),
        }

    def set_up(self, raw: Any) -> Reply:
        """Set refusing contacts, unknown contacts and the token; omitted settings return to their defaults."""
        self.settings = ConsentSettings.read(raw)
        return json_reply({"ok": True})

    def report(self) -> Reply:
        """Return the number of questions per address, and the highest number of contacts in one question."""
        return json_reply({"asked": dict(self.asked), "most_in_one": self.most_in_one})

    def answer(self, request: Request, rest: str, faults: Faults) -> Reply:
        """Answer one question, subject to a matching fault."""
        path, _, query = rest.partition("?")
        name, _, contact = path.partition("/")
        self.asked[name] += 1
        return answer(faults.strike("consent", path), lambda: self._judge(request, name, unquote(contact), query))

    def _judge(self, request: Request, name: str, contact: str, query: str) -> Reply:
        if self.settings.token and request.headers.get("authorization") != f"Bearer {self.settings.token}":
            return json_reply({"error": "not authorized"}, 401)
        if self.settings.oauth and not self.oauth.is_valid(request):
            return not_valid()
        try:
            return self._reply(request, name, contact, query)
        except BadRequestError as refused:
            return json_reply({"error": str(refused)}, 400)

    def _reply(self, request: Request, name: str, contact: str, query: str) -> Reply:
        if contact and request.method == b"GET" and name == "people":
            return self._one(contact)
        if contact and request.method == b"GET" and name == "status":
            return json_reply({}, 404 if contact in self.settings.unknown or self.refuses(contact) else 200)
        route = None if contact else self._routes.get((request.method, name))
        if route is None:
            return json_reply({"error": "not found"}, 404)
        try:
            return route(json.loads(request.body) if request.body else None, query)
        except (ValueError, RecursionError):
            raise BadRequestError("The question is not JSON.") from None

    def refuses(self, contact: str) -> bool:
        """Return whether a contact refuses consent."""
        if self.settings.refusing is not None:
            return contact in self.settings.refusing
        numbers = _NUMBER.findall(contact)
        return bool(numbers) and int(numbers[-1][-9:]) % 10 == 0

    def _known(self, contacts: Iterable[str]) -> list[str]:
        contacts = list(contacts)
        self.most_in_one = max(self.most_in_one, len(contacts))
        return [each for each in contacts if each not in self.settings.unknown]

    def _map(self, contacts: list[str]) -> Reply:
        return json_reply({"verdicts": {each: not self.refuses(each) for each in self._known(contacts)}})

    def _objects(self, contacts: list[str]) -> Reply:
        items = [
            {"key": each, "state": "withdrawn" if self.refuses(each) else "granted", "since": RECORDED_AT}
            for each in self._known(contacts)
        ]
        return json_reply({"data": {"items": items}})

    def _consenting(self, contacts: list[str]) -> Reply:
        return json_reply([each for each in self._known(contacts) if not self.refuses(each)])

    def _suppressed(self, contacts: list[str]) -> Reply:
        listed = [{"email": each.lower(), "since": RECORDED_AT} for each in self._known(contacts) if self.refuses(each)]
        return json_reply({"suppressed": listed})

    def _one(self, contact: str) -> Reply:
        if not self._known([contact]):
            return json_reply({"error": "nobody of this id"}, 404)
        return json_reply({"id": contact, "consent": {"mail": not self.refuses(contact), "recorded": RECORDED_AT}})


def _asked(query: str) -> list[str]:
    return [each for each in ",".join(parse_qs(query).get("emails", [])).split(",") if each]


def _texts(body: Any, key: str) -> list[str]:
    found = body.get(key) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BadRequestError(f"`{key}` is a list of texts.")
    return found


def _keys(body: Any, key: str) -> list[str]:
    found = body.get(key) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadRequestError(f"`{key}` is a list of objects.")
    return _texts({"key": [each.get("key") for each in found]}, "key")
