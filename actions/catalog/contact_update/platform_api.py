"""The platform's REST API for writing contacts: one by one, or an import that adds to a list.

Only imports that add are possible here: another type would empty the list. An import is unquoted text, so a value must
contain neither the delimiter nor a line end.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import SEEK_END
from typing import IO, Any
from urllib.parse import quote, urlsplit

from pydantic import Field
from pydantic_core import PydanticCustomError

from actions.catalog.shared.http import Call, Declined, call, read_json, url_in_form
from actions.contract import Context, Permanent, Retryable, Sentences, gettext_noop
from actions.effect import DONE, Applied, failed, later
from outbound.body import BodyFault, find_fault

DELIMITER = "|"
ID_COLUMN = "originalId"
TIMEOUT = 30.0
# For the answer to an upload; it does not limit the duration of the upload itself.
UPLOAD_TIMEOUT = 30.0
# Any other status means that the import continues.
FINISHED, ERROR = "FINISHED", "ERROR"
# Codes that concern one contact; any other refusal concerns all contacts.
_THIS_ONE = frozenset({400, 404, 409, 410, 422})
# Keys of an answer that hold what was written.
_OWN_VALUES = frozenset({"properties", "contact", "data"})
# After this many failures in a row the rest of a page waits for a later pass.
_IN_A_ROW = 3
# What the configuration of each kind that writes contacts says about the list.
REST_URL = Field(
    title=gettext_noop("URL of the REST API"),
    description=gettext_noop("Such as https://eu-proxy-1.symplifymail.com/rest. Its host must be an allowed one."),
)
CUSTOMER, LIST = Field(title=gettext_noop("Customer id")), Field(title=gettext_noop("List id"))
CREDENTIAL = Field(
    title=gettext_noop("Credential"),
    description=gettext_noop("Name of a credential with the header X-Carma-Authentication-Token."),
)


class PlatformFailure(Sentences):
    """Why the platform did not write contacts."""

    NO_NUMBER = "platform.no_number", gettext_noop("The platform did not give the import a number.")
    NO_STATUS = "platform.no_status", gettext_noop("The platform did not say how the import stands.")
    NOT_CARRIED_OUT = "platform.not_carried_out", gettext_noop("The platform could not carry out the import.")
    PAGE = "platform.page", gettext_noop("%(host)s answered with a web page, and not as the platform does.")
    SAID_NO = (
        "platform.said_no",
        gettext_noop("The platform answered %(status)s, and said that it did not write the contact."),
    )
    TOO_LATE = "platform.too_late", gettext_noop("The platform takes the next import too late for this sendout.")
    NOT_BEGUN = (
        "platform.not_begun",
        gettext_noop("An import might not end before the deadline, so that none was begun."),
    )


class SaidNo(Permanent):
    """The platform answered 2xx, and in the body that it did not write this contact."""


def _without_properties(answer: bytes) -> bytes:
    """Return an answer without the contact's own values, which may be any words."""
    try:
        content = json.loads(answer)
    except (ValueError, RecursionError):
        return answer
    if isinstance(content, dict):
        content = {name: value for name, value in content.items() if name.casefold() not in _OWN_VALUES}
    return json.dumps(content).encode()


@dataclass(frozen=True, slots=True)
class ContactsApi:
    """One list of one customer. `credential` is sent in its own header: X-Carma-Authentication-Token."""

    url: str
    customer_id: str
    list_id: str
    credential: str

    def update(self, context: Context, contact_id: str, properties: Mapping[str, str]) -> None:
        """Set properties of one contact; raise Retryable, Declined or Permanent."""
        url = f"{self._list()}/contacts/{quote(contact_id, safe='')}/update?force=true"
        status, answer = self._ask(context, "PUT", url, body={"properties": dict(properties)})
        fault = find_fault(_without_properties(answer))
        if fault is BodyFault.HTML:
            # A page to log in, or of a proxy: no contact was written.
            raise Permanent(PlatformFailure.PAGE(host=urlsplit(url).hostname or ""))
        if fault:
            raise SaidNo(PlatformFailure.SAID_NO(status=status))

    def begin_import(self, context: Context) -> str:
        """Start an import that adds to the list; return its id."""
        wanted = {
            "type": "ADD",
            "delimiter": str(ord(DELIMITER)),
            "encoding": "UTF8",
            "identityColumn": ID_COLUMN,
        }
        return self._read_id(self._call(context, "POST", f"{self._list()}/imports", body=wanted), "id")

    def upload(self, context: Context, import_id: str, rows: "Rows") -> str:
        """Send the rows of an import; return the id of the platform's batch for it."""
        url = f"{self._list()}/recipients/{quote(import_id, safe='')}"
        headers = {"Content-Type": "text/csv"}
        return self._read_id(
            self._call(context, "POST", url, data=rows, headers=headers, timeout=UPLOAD_TIMEOUT), "batchId"
        )

    def status(self, context: Context, batch_id: str) -> str:
        """Return the state of an import, in the platform's word."""
        answer = self._call(context, "GET", f"{self._base()}/batches/{quote(batch_id, safe='')}")
        found = answer.get("status") if isinstance(answer, Mapping) else None
        if not isinstance(found, str):
            raise Permanent(PlatformFailure.NO_STATUS())
        return found

    def _base(self) -> str:
        return f"{self.url.rstrip('/')}/{quote(self.customer_id, safe='')}"

    def _list(self) -> str:
        return f"{self._base()}/lists/{quote(self.list_id, safe='')}"

    def _call(self, context: Context, method: str, url: str, *, timeout: float = TIMEOUT, **content: Any) -> Any:
        return read_json(url, self._ask(context, method, url, timeout=timeout, **content)[1])

    def _ask(
        self, context: Context, method: str, url: str, *, timeout: float = TIMEOUT, **content: Any
    ) -> tuple[int, bytes]:
        return call(context, Call(url, method, credential=self.credential, timeout=timeout, **content))

    @staticmethod
    def _read_id(answer: Any, name: str) -> str:
        found = answer.get(name) if isinstance(answer, Mapping) else None
        if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
            raise Permanent(PlatformFailure.NO_NUMBER())
        return str(found)


def fits_an_import(text: str) -> bool:
    """Return whether an import, which has no quotes, can contain the value."""
    return DELIMITER not in text and text.splitlines() in ([], [text])


def check_rest_url(value: str) -> str:
    """Return the checked URL of a configuration; the model handles an empty one."""
    return url_in_form(value) if value else value


def property_name(value: str) -> str:
    if not fits_an_import(value) or value == ID_COLUMN:
        raise PydanticCustomError("property", "This cannot be the name of a property.")
    return value


class Rows:
    """The rows of an import, read from a file. `tick` is called for each block, since an upload may take long."""

    def __init__(self, file: IO[bytes], tick: Callable[[], None]) -> None:
        self._file, self._tick = file, tick
        self._size = file.seek(0, SEEK_END)
        file.seek(0)

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        self._tick()
        return self._file.read(size)

    def seek(self, place: int) -> int:
        return self._file.seek(place)


def row(fields: Iterable[str]) -> bytes:
    """Return one row of an import."""
    return (DELIMITER.join(fields) + "\n").encode()


def write_each(api: ContactsApi, contacts: Sequence[tuple[str, Mapping[str, str]]], context: Context) -> list[Applied]:
    """Write contacts sequentially; raise Permanent for an error that concerns all of them.

    A pause requested by 429 or Retry-After applies to the rest of the page too.
    """
    answers: list[Applied] = []
    in_a_row = 0
    pause: Applied | None = None
    for contact_id, properties in contacts:
        if pause is not None:
            answers.append(pause)
            continue
        try:
            api.update(context, contact_id, properties)
        except Retryable as error:
            in_a_row += 1
            answers.append(later(error.text, error.retry_after or 0.0))
            if error.retry_after or in_a_row >= _IN_A_ROW or context.time_left() <= 0:
                pause = answers[-1]
        except (Declined, SaidNo) as error:
            if isinstance(error, Declined) and error.status not in _THIS_ONE:
                raise
            in_a_row = 0
            answers.append(failed(error.text))
        else:
            in_a_row = 0
            answers.append(DONE)
    return answers
