"""The platform's REST API for writing contacts: single updates and bulk imports."""

import json
import math
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from simulator.services.contact_lists import Import
from simulator.wire.http import Request
from simulator.wire.replies import Reply, answer, json_reply
from simulator.world import World

TOKEN = "x-carma-authentication-token"
_CONTACT = re.compile(r"(\w+)/lists/(\w+)/contacts/([^/]+)(/update)?")
_IMPORTS = re.compile(r"(\w+)/lists/(\w+)/imports")
_RECIPIENTS = re.compile(r"(\w+)/lists/(\w+)/recipients/(\w+)")
_BATCH = re.compile(r"(\w+)/batches/(\w+)")


class Rest:
    """Handler of requests under /rest/."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, request: Request, path: str) -> Reply:
        state = self.world.rest
        oauth = state.settings.oauth
        if not (
            self.world.oauth.is_valid(request) if oauth else request.headers.get(TOKEN, "") == state.settings.token
        ):
            state.calls["refused"] += 1
            return json_reply({"error": "not authenticated"}, 401)
        method = request.method.decode("ascii", "replace")
        if (found := _CONTACT.fullmatch(path)) and (method, bool(found[4])) in {("PUT", True), ("GET", False)}:
            key = found[1], found[2], unquote(found[3])
            return self._struck("contact", key[2], lambda: self._contact(request, method, key))
        if (found := _IMPORTS.fullmatch(path)) and method == "POST":
            place = found[1], found[2]
            return self._struck("import", "", lambda: self._import(request, place))
        if (found := _RECIPIENTS.fullmatch(path)) and method == "POST":
            number = found[3]
            return self._struck("recipients", number, lambda: self._recipients(request, number))
        if (found := _BATCH.fullmatch(path)) and method == "GET":
            number = found[2]
            return self._struck("batch_status", number, lambda: self._status(number))
        self.world.record("unknown_rest", detail=f"{method} where nothing answers it.", now=time.time())
        return json_reply({"error": "not found"}, 404)

    def _struck(self, endpoint: str, key: str, effect: Callable[[], Reply]) -> Reply:
        """Apply the effect of the call and answer it, subject to a matching fault."""
        self.world.rest.calls[endpoint] += 1
        return answer(self.world.faults.strike(endpoint, f"rest/{endpoint}/{key}"), effect)

    def _contact(self, request: Request, method: str, key: tuple[str, str, str]) -> Reply:
        state = self.world.rest
        if key[2] in state.settings.unknown:
            return json_reply({"error": "no such contact"}, 404)
        if method == "GET":
            return json_reply({"originalId": key[2], "properties": state.contacts.get(key, {})})
        content = _json(request)
        properties = content.get("properties") if isinstance(content, dict) else None
        forced = parse_qs(request.target.partition(b"?")[2].decode("latin-1")).get("force") == ["true"]
        if not isinstance(properties, dict) or not forced:
            return json_reply({"error": "properties, and force=true, are needed"}, 400)
        state.write(key, properties)
        return json_reply({"originalId": key[2]})

    def _import(self, request: Request, place: tuple[str, str]) -> Reply:
        state, now = self.world.rest, time.time()
        content = _json(request)
        names = ("delimiter", "encoding", "type", "identityColumn")
        if (
            not isinstance(content, dict)
            or not all(isinstance(content.get(name), str) for name in names)
            or not (content["delimiter"].isdigit())
        ):
            return json_reply({"error": f"an import has {', '.join(names)}"}, 400)
        if now - state.last_import_at < state.settings.import_distance:
            wait = math.ceil(state.settings.import_distance - (now - state.last_import_at))
            return json_reply({"error": "too many imports"}, 429, {"Retry-After": str(wait)})
        if content["type"] == "REPLACE":
            self.world.record("list_replaced", detail="An import of this type empties the list.", now=now)
        delimiter = chr(int(content["delimiter"]))
        made = Import(len(state.imports) + 1, place, content["type"], delimiter, content["identityColumn"])
        state.imports.append(made)
        state.last_import_at = now
        return json_reply({"id": str(made.number)})

    def _recipients(self, request: Request, number: str) -> Reply:
        made = self._found(number)
        if made is None:
            return json_reply({"error": "no such import"}, 404)
        try:
            header, *lines = request.body.decode().splitlines()
        except ValueError:
            return json_reply({"error": "text in UTF-8 with a header is needed"}, 400)
        columns = header.split(made.delimiter)
        rows = [line.split(made.delimiter) for line in lines]
        if made.identity not in columns or any(len(row) != len(columns) for row in rows):
            return json_reply({"error": "each row has as many fields as the header"}, 400)
        made.rows = [dict(zip(columns, row, strict=True)) for row in rows]
        made.status, made.sent_at = "RUNNING", time.time()
        return json_reply({"batchId": int(number)})

    def _status(self, number: str) -> Reply:
        made = self._found(number)
        if made is None or made.rows is None:
            return json_reply({"error": "no such batch"}, 404)
        if made.status == "RUNNING" and time.time() >= made.sent_at + self.world.rest.settings.import_seconds:
            made.status = self.world.rest.settings.import_ends
            if made.status == "FINISHED":
                self._carry_out(made)
        return json_reply({"id": made.number, "status": made.status})

    def _carry_out(self, made: Import) -> None:
        contacts = self.world.rest.contacts
        if made.type == "REPLACE":
            for key in [key for key in contacts if key[:2] == made.place]:
                del contacts[key]
        for row in made.rows or ():
            key = (*made.place, row[made.identity])
            self.world.rest.write(key, {name: row[name] for name in row if name != made.identity})

    def _found(self, number: str) -> Import | None:
        imports = self.world.rest.imports
        return imports[int(number) - 1] if number.isdigit() and 1 <= int(number) <= len(imports) else None


def _json(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None
