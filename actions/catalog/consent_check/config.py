"""Configuration of `consent_check`: how to ask a consent service and read its answer, without code."""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from actions.catalog.consent_check.answer import key_of
from actions.catalog.consent_check.placeholders import marks, names_one, names_somebody
from actions.catalog.shared.http import FRAMING, OptionalCredential, url_in_form
from actions.catalog.shared.templates import UNKNOWN, BadTemplate
from actions.contract import Config, gettext_noop

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET = re.compile(r"authori[sz]ation|cookie|token|secret|password|api-?key", re.IGNORECASE)
_MOST_VALUES = 50
_OF_ONE = ("value", "status")
# A service in trouble, or one that does not accept the gateway, answers with these: they say nothing about a contact.
_NEVER_CODES = frozenset({401, 407, 408, 425, 429})


def _marks(template: Any) -> bool:
    """Return whether the template contains placeholders, all of them known."""
    try:
        return bool(list(marks(template)))
    except BadTemplate as error:
        if error.sentence != UNKNOWN:
            raise PydanticCustomError("placeholder", "{why}", {"why": error.sentence}) from error
        raise PydanticCustomError("placeholder", "A name in braces is not one of those that are known here.") from error


def _url(value: str) -> str:
    marked = _marks(value)
    scheme, _, rest = value.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if marked and ("{" in scheme or "{" in authority):
        raise PydanticCustomError("url_host", "The host is fixed: a placeholder belongs behind it.")
    url_in_form(re.sub(r"\{[^{}]*\}", "x", value))
    return value


def _template(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise PydanticCustomError("body", "Give a JSON object or a JSON list.")
    _marks(value)
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _HEADER.fullmatch(name) or not text.isascii() or not text.isprintable():
            raise PydanticCustomError("header", "Give names of headers, each with one line of plain text.")
        if _SECRET.search(name):
            raise PydanticCustomError("header_secret", "Headers are shown to everybody: name a credential instead.")
        if name.lower() in FRAMING:
            raise PydanticCustomError("header_framing", "The gateway writes this header itself.")
    return value


def _path(value: str) -> str:
    if value and any(not part and not value.startswith("/") for part in value.split(".")) and value != ".":
        raise PydanticCustomError("path", "Give a path such as data.verdicts or /data/verdicts, or . for the whole.")
    return value


def _scalar(value: Any) -> bool | int | float | str:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PydanticCustomError("scalar", "Give text, a number, true or false.")


Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Path = Annotated[Text, AfterValidator(_path)]
Values = Annotated[
    tuple[Annotated[bool | int | float | str, PlainValidator(_scalar)], ...], Field(max_length=_MOST_VALUES)
]


class ConsentCheckConfig(Config):
    """`{url: "https://consent.example.com/check", credential: consent}`; other fields map other forms."""

    # Validate defaults too, since the fields are checked together.
    model_config = ConfigDict(validate_default=True)

    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_url)] = Field(
        title=gettext_noop("URL"),
        description=gettext_noop(
            "Where to ask. The host must be on the list of hosts that the gateway may call. May name {id}, {ids}, "
            "{field:properties.email}, {project}, {journey} and {sendout} behind the host."
        ),
    )
    method: Literal["POST", "GET", "PUT"] = Field(
        default="POST",
        title=gettext_noop("Method"),
        description=gettext_noop("With GET no body is sent: the URL then names the contacts."),
    )
    credential: OptionalCredential = ""
    headers: Annotated[dict[str, str], Field(max_length=20), AfterValidator(_headers)] = Field(
        default_factory=dict,
        title=gettext_noop("Headers"),
        description=gettext_noop("One a line, without secrets: Accept-Language = fr"),
    )
    identifier: Text = Field(
        default="",
        title=gettext_noop("Field that identifies the contact"),
        description=gettext_noop("Such as properties.email. Empty: the contact’s id."),
    )
    ignore_case: bool = Field(
        default=False,
        title=gettext_noop("Capitals in it do not count"),
        description=gettext_noop("For e-mail addresses, which services like to write in small letters."),
    )
    body: Annotated[Any, AfterValidator(_template)] = Field(
        default_factory=lambda: {"contacts": "{ids}"},
        title=gettext_noop("Body"),
        description=gettext_noop(
            "As JSON, with the same names as in the URL. “{ids}” becomes a list; a list with one entry that names {id} "
            "is repeated for each contact."
        ),
    )
    asks: Literal["page", "contact"] = Field(
        default="page",
        title=gettext_noop("One question for"),
        json_schema_extra={"page": gettext_noop("a page of contacts"), "contact": gettext_noop("each contact")},
        description=gettext_noop("A service that knows one contact at a time is asked more often, and takes longer."),
    )
    shape: Literal["map", "objects", "consenting", "refusing", "value", "status"] = Field(
        default="map",
        title=gettext_noop("What it answers"),
        json_schema_extra={
            "map": gettext_noop("an object with an entry for each id"),
            "objects": gettext_noop("a list with an object for each contact"),
            "consenting": gettext_noop("a list of those who consent"),
            "refusing": gettext_noop("a list of those who do not"),
            "value": gettext_noop("one value, about one contact"),
            "status": gettext_noop("only a status code, about one contact"),
        },
    )
    answers_at: Annotated[Path, Field(min_length=1)] = Field(
        default="verdicts",
        title=gettext_noop("Where the answers stand"),
        description=gettext_noop("A path such as data.verdicts or /data/verdicts; . for the whole answer."),
    )
    id_at: Annotated[Path, Field(min_length=1)] = Field(
        default="id",
        title=gettext_noop("Where an entry names the contact"),
        description=gettext_noop("For lists of objects. In a list of mere ids it does not matter."),
    )
    value_at: Path = Field(
        default="",
        title=gettext_noop("Where an entry says yes or no"),
        description=gettext_noop("Empty where the entry itself is the value."),
    )
    absent: Literal["hold", "reject", "accept"] = Field(
        default="hold",
        title=gettext_noop("Who is not in the answer"),
        json_schema_extra={
            "hold": gettext_noop("waits for a person"),
            "reject": gettext_noop("does not consent"),
            "accept": gettext_noop("consents"),
        },
        description=gettext_noop("“Consents” is possible only where the answer lists those who do not."),
    )
    yes_values: Annotated[Values, Field(min_length=1)] = Field(
        default=(True,),
        title=gettext_noop("Values that mean yes"),
        description=gettext_noop("With commas, exactly as the service writes them. For status codes: 200, 204"),
    )
    no_values: Values = Field(
        default=(False,),
        title=gettext_noop("Values that mean no"),
        description=gettext_noop("Everything else is undecided."),
    )
    recorded_at: Path = Field(
        default="",
        title=gettext_noop("Where the time of the consent stands"),
        description=gettext_noop(
            "In the entry, or in the answer about one contact: ISO 8601 or seconds since 1970. It is kept with the "
            "decision; where there is none, the time of the answer."
        ),
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        default="No consent",
        title=gettext_noop("Reason"),
        description=gettext_noop("What is shown for a rejected contact."),
    )
    page_size: Annotated[int, Field(ge=1, le=1000, strict=True)] = Field(
        default=500,
        title=gettext_noop("Contacts in one question"),
        description=gettext_noop("Without effect where each contact has a question of its own."),
    )
    parallel: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(
        default=4, title=gettext_noop("Questions at the same time")
    )
    per_second: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = Field(
        default=0.0,
        title=gettext_noop("Questions per second, at most"),
        description=gettext_noop("0: no limit. All actions that ask this host with this credential share it."),
    )
    timeout: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = Field(
        default=10.0, title=gettext_noop("Seconds to wait for an answer")
    )

    @field_validator("asks")
    @classmethod
    def _check_asked_contacts(cls, asks: str, info: ValidationInfo) -> str:
        if not {"url", "method", "body"} <= set(info.data):
            return asks  # They have their own errors.
        parts = [info.data["url"]] if info.data["method"] == "GET" else [info.data["url"], info.data["body"]]
        if not any(names_somebody(part) for part in parts):
            raise PydanticCustomError("nobody", "Neither the URL nor a body names a contact.")
        if asks == "page" and any(names_one(part) for part in parts):
            raise PydanticCustomError("one", "The question names one contact: ask one question for each contact.")
        return asks

    @field_validator("shape")
    @classmethod
    def _check_shape(cls, shape: str, info: ValidationInfo) -> str:
        if shape in _OF_ONE and info.data.get("asks") == "page":
            raise PydanticCustomError(
                "shape", "Such an answer is about one contact: ask one question for each contact."
            )
        return shape

    @field_validator("value_at")
    @classmethod
    def _require_value_path(cls, value_at: str, info: ValidationInfo) -> str:
        if not value_at and info.data.get("shape") == "objects":
            raise PydanticCustomError("value_at", "Say where in an object of the list yes or no stands.")
        return value_at

    @field_validator("absent")
    @classmethod
    def _check_absent(cls, absent: str, info: ValidationInfo) -> str:
        if absent == "accept" and info.data.get("shape") != "refusing":
            raise PydanticCustomError("absent", "Only where the answer lists those who do not consent.")
        if absent == "reject" and info.data.get("shape") == "refusing":
            raise PydanticCustomError("absent_listed", "Who does not consent is in the list: choose something else.")
        return absent

    @field_validator("yes_values", "no_values")
    @classmethod
    def _check_values(cls, values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        codes = all(type(value) is int and 200 <= value < 500 and value not in _NEVER_CODES for value in values)
        if info.data.get("shape") == "status" and not codes:
            raise PydanticCustomError("codes", "Give status codes from 200 to 499, such as 200 or 404.")
        if info.field_name == "no_values" and set(map(key_of, values)) & set(
            map(key_of, info.data.get("yes_values", ()))
        ):
            raise PydanticCustomError("both", "A value cannot mean both yes and no.")
        return values
