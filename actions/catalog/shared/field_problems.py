"""Reasons of checks that cannot judge a field of a contact."""

from actions.contract import Sentences, gettext_noop


class FieldProblem(Sentences):
    """Why a field leaves a contact undecided."""

    MISSING = "field.missing", gettext_noop("The field %(name)s is missing.")
    NOBODY = "field.nobody", gettext_noop("The field %(name)s identifies nobody.")
    NOT_COMPARABLE = "field.not_comparable", gettext_noop("The field %(name)s cannot be compared with the rule.")
    NOT_OF_LIST = "field.not_of_list", gettext_noop("The field %(name)s is not of what the list holds.")
    TOO_LONG = "field.too_long", gettext_noop("The field %(name)s is too long for the pattern.")
