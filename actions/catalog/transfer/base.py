"""Shared configuration of kinds that report the outcome: contacts to include, and their fields."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.contact import MISSING, reader
from actions.contract import Contact, Context, Phase, Word, gettext_noop
from actions.effect import Pending, Rendered
from actions.plan.merge import canonical

VERDICTS: Mapping[Word, str] = {Word.ACCEPT: "accepted", Word.REJECT: "rejected", Word.UNDECIDED: "undecided"}
_WHOM: Mapping[str, frozenset[Word]] = {
    "all": frozenset(Word),
    "accepted": frozenset({Word.ACCEPT}),
    "rejected": frozenset({Word.REJECT}),
}
# Reported for every contact, in this order; the contact's fields follow.
ALWAYS = ("batch", "project", "journey", "sendout", "key", "contact_id", "verdict", "reason", "text")


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    if set(names) & set(ALWAYS):
        raise PydanticCustomError(
            "always_there",
            "One of these is always there. For a field that is called so, write “properties.” before it.",
        )
    if len(set(names)) < len(names):
        raise PydanticCustomError("twice", "One of these is here twice.")
    return names


Whom = Annotated[
    Literal["all", "accepted", "rejected"],
    Field(
        title=gettext_noop("Contacts to include"),
        json_schema_extra={
            "all": gettext_noop("everybody"),
            "accepted": gettext_noop("the accepted"),
            "rejected": gettext_noop("the rejected"),
        },
    ),
]
Fields = Annotated[
    tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)], ...],
    Field(
        max_length=100,
        title=gettext_noop("Fields of the contact"),
        description=gettext_noop(
            "With commas, such as “email, properties.city”. Empty: only the contact’s id, what was decided, and why."
        ),
    ),
    AfterValidator(_names),
]


class OutcomeReport:
    """Mixin before Effect or WholeEffect: prepares only the configured fields, while people can still decide."""

    phase: ClassVar[Phase] = Phase.TRANSFER
    # It prepares from local data; only the transfer waits for other systems.
    waits: ClassVar[bool] = False

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]  # the kind's own; were this class one, the catalog would list it
        self._whom = _WHOM[config.whom]
        self._readers = {name: reader(name) for name in config.fields}

    def wants(self, verdict: Word) -> bool:
        return verdict in self._whom

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [Rendered(self._fields(contact.fields)) for contact in page]

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        found = ((name, read(fields)) for name, read in self._readers.items())
        return {name: value for name, value in found if value is not MISSING}

    def as_pending(self, contact: Contact) -> Pending:
        """Return an accepted contact as an effect that waits for its transfer."""
        return Pending(
            f"{contact.key}-0",
            contact.key & 0xFFFF_FFFF,
            contact.id,
            Word.ACCEPT,
            self._fields(contact.fields),
            contact.batch_number,
        )

    def describe(self, payload: Any) -> str:
        texts = {name: value if isinstance(value, str) else canonical(value) for name, value in payload.items()}
        return ", ".join(f"{name} = {text}" for name, text in texts.items()) or "–"


def outcome_of(pending: Pending, context: Context) -> dict[str, Any]:
    """Return the data that the other system gets about one contact, besides its fields."""
    return {
        "batch": pending.batch,
        "project": context.project,
        "journey": context.journey,
        "sendout": context.sendout,
        "key": pending.key,
        "contact_id": pending.contact_id,
        "verdict": VERDICTS[pending.verdict],
        "reason": pending.reason,
        "text": pending.text,
    }
