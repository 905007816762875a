"""Kind that sends the outcome to another system over HTTP, page by page."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from actions.catalog.shared.http import FRAMING, CredentialName, OptionalCredential, ServiceFailure, Url, send
from actions.catalog.shared.signature import signed, signing_key
from actions.catalog.transfer.base import Fields, OutcomeReport, Whom, outcome_of
from actions.catalog.transfer.content import as_json, lines
from actions.contract import Config, Contact, Context, Permanent, Retryable, Shown, gettext_noop
from actions.effect import DONE, Applied, Effect, Pending, failed

# Codes that concern this page only.
_REFUSES_PAGE = frozenset({400, 413, 422})
_CONFLICT = 409
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Headers that we set, or that belong in a credential.
_OURS = FRAMING | {
    *("authorization", "cookie", "proxy-authorization"),
    *("idempotency-key", "webhook-id", "webhook-signature", "webhook-timestamp"),
}


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise PydanticCustomError("header_name", "One of these names cannot be the name of a header.")
        if name.lower() in _OURS:
            raise PydanticCustomError(
                "header_ours", "One of these headers is not set here. To identify yourself, name a credential."
            )
        if not (value.isascii() and value.isprintable() and len(value) <= 1000):
            raise PydanticCustomError("header_value", "The value of a header is one line of plain letters.")
    return headers


class TransferHttpConfig(Config):
    """`{url: "https://crm.example.com/outcomes", whom: rejected, fields: [email], credential: crm}`"""

    url: Url = Field(
        title=gettext_noop("URL"),
        description=gettext_noop(
            "Where to send. The host must be on the list of hosts that the gateway may call. "
            "A service whose answer decides who gets the message is a check, and not this."
        ),
    )
    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", title=gettext_noop("Method"))
    format: Literal["json", "ndjson"] = Field(
        default="json",
        title=gettext_noop("Format"),
        json_schema_extra={
            "json": gettext_noop("one JSON object a page"),
            "ndjson": gettext_noop("one JSON object a line"),
        },
    )
    whom: Whom = "all"
    fields: Fields = ()
    credential: OptionalCredential = ""
    signature: CredentialName = Field(
        default="",
        title=gettext_noop("Credential to sign with"),
        description=gettext_noop(
            "Its secret signs each page (HMAC-SHA256, as Standard Webhooks says), and is not sent. Empty: no signature."
        ),
    )
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default_factory=dict,
        max_length=20,
        title=gettext_noop("More headers"),
        description=gettext_noop("One a line, such as X-Tenant = eu. Never secrets: these are shown."),
    )
    page_size: Annotated[int, Field(ge=1, le=5000, strict=True)] = Field(
        default=500, title=gettext_noop("Contacts in one page")
    )
    parallel: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(
        default=4, title=gettext_noop("Pages at the same time")
    )
    timeout: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = Field(
        default=10.0, title=gettext_noop("Seconds to wait for an answer")
    )


class TransferHttp(OutcomeReport, Effect):
    """Sends `{"batch", "project", "journey", "sendout", "contacts": [{"key", "contact_id", "verdict", …}]}` or lines"""

    name = "transfer_http"
    title = gettext_noop("Transfer over HTTP")
    description = gettext_noop("After the release, tells a web service who got the message and who did not, and why.")
    Config = TransferHttpConfig

    def __init__(self, config: TransferHttpConfig) -> None:
        super().__init__(config)
        self.page_size = config.page_size
        self.parallel = config.parallel
        self.timeout = config.timeout

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        config: TransferHttpConfig = self.config
        body = self._body(page, context)
        headers = self._headers(_key(page), body, context)
        answer = send(
            *(context, config.method, config.url, body, headers),
            timeout=config.timeout,
            credential=config.credential,
        )
        if answer.is_done:
            return [DONE] * len(page)
        sentence = ServiceFailure.ANSWERED(host=answer.host, code=answer.status)
        if answer.status == _CONFLICT:
            # By the draft on Idempotency-Key: an earlier attempt is still processing this page, and its answer was
            # lost.
            raise Retryable(sentence)
        if answer.status in _REFUSES_PAGE:
            return [failed(sentence)] * len(page)
        raise Permanent(sentence)

    def shows(self, contact: Contact, context: Context) -> Sequence[Shown]:
        return [
            Shown(gettext_noop("A page with this contact"), self._body([self.as_pending(contact)], context).decode())
        ]

    def _body(self, page: Sequence[Pending], context: Context) -> bytes:
        return lines(page, context) if self.config.format == "ndjson" else as_json(_envelope(page, context))

    def _headers(self, key: str, body: bytes, context: Context) -> Mapping[str, str]:
        config: TransferHttpConfig = self.config
        content_type = "application/x-ndjson" if config.format == "ndjson" else "application/json"
        signature = signed(signing_key(context, config.signature), key, body) if config.signature else {}
        return {**config.headers, "Content-Type": content_type, "Idempotency-Key": key, **signature}


def _key(page: Sequence[Pending]) -> str:
    """Return a key made of the page's contacts: after a kill, a page with other contacts has another key."""
    return hashlib.sha256("\n".join(pending.key for pending in page).encode()).hexdigest()


def _envelope(page: Sequence[Pending], context: Context) -> dict[str, Any]:
    """Return an object with the names once, then the contacts."""
    names = ("batch", "project", "journey", "sendout")
    entries = [outcome_of(pending, context) for pending in page]
    common = {name: entries[0][name] for name in names}
    contacts = [
        {**{name: value for name, value in entry.items() if name not in names}, "fields": pending.payload}
        for entry, pending in zip(entries, page, strict=True)
    ]
    return {**common, "contacts": contacts}
