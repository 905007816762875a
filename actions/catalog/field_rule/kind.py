"""Kind that compares one field of the contact with a value: no calls, no waiting."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.field_rule import compare as field_rule_compare
from actions.catalog.field_rule.pattern import TooLong, searcher
from actions.catalog.shared.field_problems import FieldProblem, IfMissing, judge_missing
from actions.catalog.shared.one_of import OneOf
from actions.contact import MISSING, reader
from actions.contract import (
    ACCEPT,
    Check,
    Config,
    Contact,
    Context,
    Sentences,
    Verdict,
    gettext_noop,
    reject,
    undecided,
)
from actions.names import NOTHING, is_for_nothing, visible

# Verdicts are cached by value, since columns such as consent have few values; the bound limits memory for others.
REMEMBERED = 1024
_Judge = Callable[[Any], Verdict]


class RuleReason(Sentences):
    """Default reasons for a rejection without a configured reason."""

    APPLIES = "field_rule.applies", gettext_noop("The rule on the field %(name)s applies.")


def _scalar(value: Any) -> bool | int | float | str:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise PydanticCustomError("scalar", "Give text, a number, true or false.")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise PydanticCustomError("number", "Give a number.")


def _true(value: Any) -> bool:
    if value is True:
        return True
    raise PydanticCustomError("only_true", "The only value is true; leave it out otherwise.")


def _pattern(value: str) -> str:
    try:
        searcher(value)
    except ValueError as error:
        raise PydanticCustomError("pattern", "{why}", {"why": str(error)}) from error
    return value


Scalar = Annotated[bool | int | float | str, PlainValidator(_scalar)]
Number = Annotated[int | float, PlainValidator(_number)]
Several = Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=10_000)]
Pattern = Annotated[str, Field(min_length=1, strict=True), AfterValidator(_pattern)]


_COMPARISONS: dict[str, Callable[[Any, Any], bool | None]] = {
    "equals": field_rule_compare.equal,
    "in": field_rule_compare.among,
    "greater": field_rule_compare.greater,
    "less": field_rule_compare.less,
}


class RejectIf(OneOf):
    """Condition on the field for a rejection."""

    equals: Scalar = Field(default="", title=gettext_noop("equals"))
    not_equals: Scalar = Field(default="", title=gettext_noop("does not equal"))
    in_: Several = Field(default=(), alias="in", title=gettext_noop("is one of"))
    not_in: Several = Field(default=(), title=gettext_noop("is none of"))
    missing: Annotated[bool, PlainValidator(_true)] = Field(default=True, title=gettext_noop("is missing"))
    greater: Number = Field(default=0, title=gettext_noop("is greater than"))
    less: Number = Field(default=0, title=gettext_noop("is less than"))
    matches: Pattern = Field(default="", title=gettext_noop("matches the pattern"))


class FieldRuleConfig(Config):
    """`{field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}`"""

    field: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        title=gettext_noop("Field"),
        description=gettext_noop("Name of the field of the contact. “properties.consent” and “consent” are the same."),
    )
    reject_if: RejectIf = Field(
        title=gettext_noop("Reject if the field"),
        description=gettext_noop("A contact that this does not apply to is accepted. Several values: with commas."),
    )
    if_missing: IfMissing = Field(
        default="hold",
        description=gettext_noop("Also for an empty field. Without effect where the rule is “is missing”."),
    )
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        default="",
        title=gettext_noop("Reason"),
        description=gettext_noop("What is shown for a rejected contact."),
    )


class FieldRule(Check):
    """Rejects contacts by one field. Incomparable values are undecided.

    Null, whatever is empty and the project's words for nothing, such as NULL, count as missing.
    """

    name = "field_rule"
    title = gettext_noop("Rule on a field")
    description = gettext_noop("Compares one field of each contact with a value, and rejects those to whom it applies.")
    Config = FieldRuleConfig
    page_size = 5000

    def __init__(self, config: FieldRuleConfig) -> None:
        super().__init__(config)
        self._read = reader(config.field)
        # By the words for nothing: projects with other ones share this object.
        self._judges: dict[frozenset[str], _Judge] = {}
        self._known: dict[frozenset[str], dict[tuple[type, Any], Verdict]] = {}

    def needs(self) -> Collection[str]:
        return (self.config.field,)

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        read, words = self._read, context.empty_words if context else NOTHING
        judge = self._judges.get(words) or self._judges.setdefault(words, _judge(self.config, words))
        known = self._known.setdefault(words, {})
        verdicts: list[Verdict] = []
        for contact in page:
            value = read(contact.fields)
            # The type is part of the key: 1, 1.0 and True are equal keys, but different values.
            key = (value.__class__, value)
            try:
                verdict = known.get(key)
            except TypeError:  # a list or an object, which cannot be a key
                verdicts.append(judge(value))
                continue
            if verdict is None:
                verdict = judge(value)
                if len(known) < REMEMBERED:
                    known[key] = verdict
            verdicts.append(verdict)
        return verdicts


def _judge(config: FieldRuleConfig, words: Collection[str]) -> _Judge:
    """Compile the rule into one function from value to verdict. words: the folded words for nothing."""
    operator, operand = config.reject_if.chosen
    applies = _test(operator, operand)
    rejected = reject("rule", config.reason or RuleReason.APPLIES(name=config.field))
    missing = rejected if operator == "missing" else judge_missing(config.if_missing, config.field, config.reason)
    unlike = undecided("not_comparable", FieldProblem.NOT_COMPARABLE(name=config.field))
    too_long = undecided("too_long", FieldProblem.TOO_LONG(name=config.field))
    answers: dict[Any, Verdict] = {True: rejected, False: ACCEPT, None: unlike, TooLong: too_long}

    named = _texts(operand)
    strict = operator == "missing" or config.if_missing != "accept"

    def judge(value: Any) -> Verdict:
        if value is None or value is MISSING or (isinstance(value, list | dict) and not value):
            return missing
        if isinstance(value, str):
            text = visible(value)
            if not text:
                return missing
            if is_for_nothing(text, words) and text.casefold() not in named:
                # It counts as missing, unless that would be less strict than the comparison.
                answer = applies(value)
                return rejected if answer is True else missing if strict or answer is False else answers[answer]
        elif isinstance(value, float) and not math.isfinite(value):
            return unlike
        return answers[applies(value)]

    return judge


def _texts(operand: Any) -> Collection[str]:
    """Return the texts that a rule compares with, in the form for comparison."""
    values = operand if isinstance(operand, tuple) else (operand,)
    return {visible(value).casefold() for value in values if isinstance(value, str)}


def _test(operator: str, operand: Any) -> Callable[[Any], Any]:
    """Return a function that tells whether the rule applies: True, False, None (cannot be compared) or TooLong."""
    if operator == "matches":
        return searcher(operand)
    if operator == "missing":
        return lambda value: False
    if operator in ("not_equals", "not_in"):
        positive = _test(operator.removeprefix("not_"), operand)

        def negated(value: Any) -> bool | None:
            answer = positive(value)
            return None if answer is None else not answer

        return negated
    compare = _COMPARISONS[operator]
    return lambda value: compare(value, operand)
