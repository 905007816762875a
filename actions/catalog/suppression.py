"""Kind that looks contacts up in a list stored here: no calls, one database query per page."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from actions.catalog.shared.field_problems import FieldProblem, IfMissing, judge_missing
from actions.contact import MISSING, reader
from actions.contract import (
    ACCEPT,
    Check,
    Config,
    Contact,
    Context,
    Listed,
    Sentences,
    Verdict,
    gettext_noop,
    reject,
    undecided,
)
from actions.names import is_for_nothing, visible

CONTACT_ID = "contact.id"
# Bound on the counted reasons: a list with a reason for each entry would fill the screen, and memory for a large batch.
MOST_REASONS = 50


class SuppressionConfig(Config):
    """`{list: "Opposition", match: properties.email, reason: "Asked not to be written to", if_missing: hold}`"""

    list: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)] = Field(
        title=gettext_noop("List"),
        json_schema_extra={"refers_to": "suppression_list"},
        description=gettext_noop("A suppression list that is kept here, of this project or of all."),
    )
    match: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        default=CONTACT_ID,
        title=gettext_noop("Look up by"),
        description=gettext_noop("“contact.id”, or the field that holds the address or number: properties.email."),
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        default="",
        title=gettext_noop("Reason"),
        description=gettext_noop("What is shown for a rejected contact. Empty: the reason that the list gives."),
    )
    if_missing: IfMissing = Field(default="hold", description=gettext_noop("Also for an empty field."))


class OnList(Sentences):
    """Default reason for a contact if neither the list nor the configuration gives one."""

    LISTED = "suppression.listed", gettext_noop("On the list “%(name)s”.")


class Suppression(Check):
    """Rejects contacts on the list. An invalid address or number is undecided if the list holds those."""

    name = "suppression"
    title = gettext_noop("Suppression list")
    description = gettext_noop("Rejects the contacts that are on a list kept here.")
    Config = SuppressionConfig
    page_size = 5000

    def __init__(self, config: SuppressionConfig) -> None:
        super().__init__(config)
        self._read = None if config.match == CONTACT_ID else reader(config.match)
        self._listed = OnList.LISTED(name=config.list)
        self._missing = judge_missing(config.if_missing, config.match, config.reason)
        self._unlike = undecided("not_comparable", FieldProblem.NOT_OF_LIST(name=config.match))

    def needs(self) -> Collection[str]:
        return () if self._read is None else (self.config.match,)

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        values = [self._value(contact) for contact in page]
        found = context.suppressed(self.config.list, {value for value in values if value})
        rejected: dict[str, Verdict] = {}
        # A word for nothing counts as missing, unless that would be less strict, or it is on the list.
        strict = self._read is not None and self.config.if_missing != "accept"
        nothing = {value for value in values if value and is_for_nothing(value, context.empty_words)} if strict else ()
        return [
            self._missing if value in nothing and value not in found.reasons else self._verdict(value, found, rejected)
            for value in values
        ]

    def _value(self, contact: Contact) -> str | None:
        """Return the value to look up: "" if the contact has no such field, None if no list can contain it."""
        value: Any = contact.id if self._read is None else self._read(contact.fields)
        if value is None or value is MISSING:
            return ""
        if isinstance(value, str):
            return visible(value)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def _verdict(self, value: str | None, found: Listed, rejected: dict[str, Verdict]) -> Verdict:
        """Judge one value. `rejected` has the page's rejections so far, one for each reason."""
        if value is None or value in found.unlike:
            return self._unlike
        if not value:
            return self._missing
        if value not in found.reasons:
            return ACCEPT
        reason = self.config.reason or found.reasons[value] or self._listed
        if reason not in rejected:
            reason = reason if len(rejected) < MOST_REASONS else self._listed
            rejected[reason] = reject("suppressed", reason)
        return rejected[reason]
