"""The kind that asks a service, page by page, who consents at this moment."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.calling import ask, check_url
from actions.contract import (
    ACCEPT,
    Check,
    Config,
    Contact,
    Context,
    Permanent,
    Verdict,
    gettext_noop,
    reject,
    undecided,
)

# A verdict that is neither true nor false says nothing; JSON's 1 and "true" are not true.
_SILENT = undecided("no_answer", "The service did not say whether this contact consents.")


def _url(value: str) -> str:
    try:
        return check_url(value)
    except ValueError as error:
        raise PydanticCustomError("url", "{why}", {"why": str(error)}) from error


class ConsentCheckConfig(Config):
    """`{url: "https://consent.example.com/check", credential: consent}`"""

    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_url)] = Field(
        title=gettext_noop("URL"),
        description=gettext_noop("Where to ask. The host must be on the list of hosts that the gateway may call."),
    )
    credential: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = Field(
        default="",
        title=gettext_noop("Credential"),
        description=gettext_noop(
            "Name of a stored credential, or of one of the environment: “consent” for CREDENTIAL_CONSENT."
        ),
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        default="No consent",
        title=gettext_noop("Reason"),
        description=gettext_noop("What is shown for a rejected contact."),
    )
    page_size: Annotated[int, Field(ge=1, le=1000, strict=True)] = Field(
        default=500, title=gettext_noop("Contacts in one question")
    )
    parallel: Annotated[int, Field(ge=1, le=16, strict=True)] = Field(
        default=4, title=gettext_noop("Questions at the same time")
    )
    timeout: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = Field(
        default=10.0, title=gettext_noop("Seconds to wait for an answer")
    )


class ConsentCheck(Check):
    """Asks `{"contacts": ["A-17"]}`, expects `{"verdicts": {"A-17": true}}`; who is not in the answer is undecided."""

    name = "consent_check"
    title = gettext_noop("Consent asked of a service")
    description = gettext_noop("Asks a web service at the time of the sendout which contacts consent.")
    Config = ConsentCheckConfig
    waits = True

    def __init__(self, config: ConsentCheckConfig) -> None:
        super().__init__(config)
        self.page_size = config.page_size
        self.parallel = config.parallel
        self.timeout = config.timeout
        self._rejected = reject("no_consent", config.reason)

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        config: ConsentCheckConfig = self.config
        question = {"contacts": list(dict.fromkeys(contact.id for contact in page))}
        answer = ask(context, config.url, question, credential=config.credential, timeout=config.timeout)
        verdicts = answer.get("verdicts") if isinstance(answer, Mapping) else None
        if not isinstance(verdicts, Mapping):
            raise Permanent("The answer of the service does not hold “verdicts”.")
        return [self._verdict(verdicts.get(contact.id)) for contact in page]

    def _verdict(self, answer: Any) -> Verdict:
        return ACCEPT if answer is True else self._rejected if answer is False else _SILENT
