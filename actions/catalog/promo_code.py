"""Kind that gives each contact a code of a pool: reserved after the checks, used when the batch is accepted."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from actions.catalog.contact_update import platform_api
from actions.catalog.contact_update.platform_api import ContactsApi, write_each
from actions.contract import Config, Contact, Context, Sentences, Shown, gettext_noop, reject, undecided
from actions.effect import DONE, NOTHING, Applied, Effect, Pending, Rendered

NONE_LEFT = "no_code"
OptionalText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class NoCode(Sentences):
    """Why a contact gets no code."""

    NONE_LEFT = "promo_code.none_left", gettext_noop("No code is left in the pool.")


class PromoCodeConfig(Config):
    """`{pool: summer, if_empty: hold, property: code, url: "https://eu-proxy-1.symplifymail.com/rest", …}`"""

    pool: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)] = Field(
        title=gettext_noop("Pool"), description=gettext_noop("Name of the pool of codes, as it is set up here.")
    )
    if_empty: Literal["hold", "reject", "without"] = Field(
        default="hold",
        title=gettext_noop("If no code is left"),
        json_schema_extra={
            "hold": gettext_noop("hold the contact for a person"),
            "reject": gettext_noop("reject the contact"),
            "without": gettext_noop("let the contact go without a code"),
        },
    )
    property: Annotated[OptionalText, AfterValidator(platform_api.property_name)] = Field(
        default="",
        title=gettext_noop("Property"),
        description=gettext_noop(
            "Where the code is written, one contact after the other. Empty: only later actions use it."
        ),
    )
    url: Annotated[OptionalText, AfterValidator(platform_api.check_rest_url), platform_api.REST_URL] = ""
    customer_id: Annotated[OptionalText, platform_api.CUSTOMER] = ""
    list_id: Annotated[OptionalText, platform_api.LIST] = ""
    credential: Annotated[OptionalText, platform_api.CREDENTIAL] = ""

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        needed = (self.url, self.customer_id, self.list_id, self.credential)
        if bool(self.property) != any(needed) or (self.property and not all(needed)):
            raise PydanticCustomError(
                "place", "A property needs URL, customer, list and credential; without one, leave them empty."
            )
        return self


class PromoCodeKind(Effect):
    """Gives one code per contact and batch; later actions refer to it as {code}."""

    name = "promo_code"
    title = gettext_noop("Promo code")
    description = gettext_noop("Gives each contact a code of a pool. Actions after it may use the code.")
    Config = PromoCodeConfig
    # The pools are in the database, which a kind's own threads must not query.
    waits = False
    page_size = 2000
    parallel = 8

    def __init__(self, config: PromoCodeConfig) -> None:
        super().__init__(config)
        # Contacts of a page are written sequentially; several pages are written at the same time.
        self.apply_size = 25 if config.property else self.page_size
        self._without = {
            "hold": Rendered(verdict=undecided(NONE_LEFT, NoCode.NONE_LEFT())),
            "reject": Rendered(verdict=reject(NONE_LEFT, NoCode.NONE_LEFT())),
            "without": NOTHING,
        }[config.if_empty]
        self._api = ContactsApi(config.url, config.customer_id, config.list_id, config.credential)

    def services(self) -> Collection[str]:
        return super().services() if self.config.property else ()

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        codes = context.codes.reserve(self.config.pool, page)
        return [Rendered({"code": code}, given={"code": code}) if code else self._without for code in codes]

    def starting(self, page: Sequence[Pending], context: Context) -> None:
        # Mark a code as used before it can be visible: a returned code was then never written.
        context.codes.use(self.config.pool, {pending.contact_id: pending.payload["code"] for pending in page})

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        if not self.config.property:
            return [DONE] * len(page)
        return write_each(
            self._api,
            [(pending.contact_id, {self.config.property: pending.payload["code"]}) for pending in page],
            context,
        )

    def shows(self, contact: Contact, context: Context) -> Sequence[Shown]:
        code = contact.given.get("code")
        return [Shown(gettext_noop("Property"), code, self.config.property)] if self.config.property else []

    def describe(self, payload: Any) -> str:
        return f"{self.config.property or 'code'} = {payload['code']}"
