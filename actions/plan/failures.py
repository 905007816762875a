"""Failures of planned actions, independent of their kind."""

from actions.contract import Sentences, gettext_noop

# Code of a verdict without an answer of the action.
FAILED = "action_failed"


class PlanFailure(Sentences):
    """Sentences of the engine about an action that gave no answer."""

    LET_PASS = "plan.let_pass", gettext_noop("An action failed; its contacts were let pass.")
    NO_TIME = "plan.no_time", gettext_noop("No time was left to ask.")
    NO_TIME_AGAIN = "plan.no_time_again", gettext_noop("%(why)s No time was left to ask again.")
    UNKNOWN_KIND = "plan.unknown_kind", gettext_noop("No kind is called “%(name)s”.")
    NOT_MADE = "plan.not_made", gettext_noop("The kind %(name)s could not be made: %(error)s.")
    BAD_CONFIG = "plan.bad_config", gettext_noop("The configuration is not valid any more: %(fields)s.")
    RAISED = "plan.raised", gettext_noop("The kind %(name)s raised %(error)s.")
    USELESS = "plan.useless", gettext_noop("The kind %(name)s can neither check nor act.")
    CANNOT_ACT = "plan.cannot_act", gettext_noop("The kind %(name)s cannot act.")
    WRONG_COUNT = "plan.wrong_count", gettext_noop("The kind did not return one answer for each contact.")
    WRONG_TYPE = "plan.wrong_type", gettext_noop("The kind returned something that is not an answer.")
