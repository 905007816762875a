"""Checks that read one field of a contact: its absence, and the reasons for leaving the contact undecided."""

from typing import Annotated, Literal

from pydantic import Field

from actions.contract import ACCEPT, Sentences, Verdict, gettext_noop, reject, undecided

IfMissing = Annotated[
    Literal["hold", "accept", "reject"],
    Field(
        title=gettext_noop("If the field is missing"),
        json_schema_extra={
            "hold": gettext_noop("hold the contact for a person"),
            "accept": gettext_noop("accept the contact"),
            "reject": gettext_noop("reject the contact"),
        },
    ),
]


class FieldProblem(Sentences):
    """Why a field leaves a contact undecided."""

    MISSING = "field.missing", gettext_noop("The field %(name)s is missing.")
    NOBODY = "field.nobody", gettext_noop("The field %(name)s identifies nobody.")
    NOT_COMPARABLE = "field.not_comparable", gettext_noop("The field %(name)s cannot be compared with the rule.")
    NOT_OF_LIST = (
        "field.not_of_list",
        gettext_noop("The field %(name)s does not hold the kind of value that the list contains."),
    )
    TOO_LONG = "field.too_long", gettext_noop("The field %(name)s is too long for the pattern.")


def judge_missing(if_missing: str, field: str, reason: str) -> Verdict:
    """Return the configured verdict on a contact without the field; a rejection has the reason, if there is one."""
    sentence = FieldProblem.MISSING(name=field)
    if if_missing == "hold":
        return undecided("missing", sentence)
    return ACCEPT if if_missing == "accept" else reject("missing", reason or sentence)
