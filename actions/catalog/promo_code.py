"""The kind that gives each contact a code of a pool: reserved when the checks are through, used when the batch is accepted."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from actions.contract import Config, Contact, Context, gettext_noop, reject, undecided
from actions.effect import DONE, NOTHING, Applied, Effect, Pending, Rendered

NONE_LEFT = "no_code"
_TEXT = "No code is left in the pool."


class PromoCodeConfig(Config):
    """`{pool: summer, if_empty: hold}`"""

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


class PromoCode(Effect):
    """Gives one code a contact and batch; actions after it know it as {code}."""

    name = "promo_code"
    title = gettext_noop("Promo code")
    description = gettext_noop("Gives each contact a code of a pool. Actions after it may use the code.")
    Config = PromoCodeConfig
    # The pools are in the database, which threads of their own must not ask.
    waits = False
    page_size = 2000

    def __init__(self, config: PromoCodeConfig) -> None:
        super().__init__(config)
        self._without = {
            "hold": Rendered(verdict=undecided(NONE_LEFT, _TEXT)),
            "reject": Rendered(verdict=reject(NONE_LEFT, _TEXT)),
            "without": NOTHING,
        }[config.if_empty]

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        codes = context.codes.reserve(self.config.pool, page)
        return [Rendered({"code": code}, given={"code": code}) if code else self._without for code in codes]

    def starting(self, page: Sequence[Pending], context: Context) -> None:
        # Before anybody can see a code it is used: what is given back later was never written.
        context.codes.use(self.config.pool, {pending.contact_id: pending.payload["code"] for pending in page})

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        return [DONE] * len(page)

    def describe(self, payload: Any) -> str:
        return str(payload["code"])
