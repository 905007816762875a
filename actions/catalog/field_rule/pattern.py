"""Regular expressions that staff write, bounded so that no contact can keep a worker busy for long.

The work of a backtracking search is estimated from the pattern as factor × length ** degree. From it follows how long a
value may be; a pattern that could not even search short values within the budget is refused when it is configured.
"""

import json
import re
from collections.abc import Callable, Iterable
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

PATTERN_LENGTH = 500
VALUE_LENGTH = 1_000
# Steps of one search in the worst case: some tens of milliseconds.
BUDGET = 1_000_000
# A pattern must be able to search values of this length.
USEFUL_LENGTH = 60
_SINGLE = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"})
_INSIDE = frozenset({"SUBPATTERN", "ATOMIC_GROUP", "ASSERT", "ASSERT_NOT"})
_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})

TooLong = object()


class CostlyError(ValueError):
    """The pattern could take very long: it repeats something that is itself repeated or optional, or refers back."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def searcher(pattern: str) -> Callable[[Any], bool | object | None]:
    """Return a function that says whether the pattern is found anywhere in a value; raises ValueError with a sentence.

    The function answers None for values that are not text, number or boolean, and TooLong for those over the bound. The
    value is searched, not matched whole: `^` and `$` say where it must begin and end.
    """
    if len(pattern) > PATTERN_LENGTH:
        raise ValueError(f"The pattern is longer than {PATTERN_LENGTH} characters.")
    try:
        search = re.compile(pattern).search
        limit = _longest(parser.parse(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"The pattern is not a regular expression: {error}.") from error

    def found(value: Any) -> bool | object | None:
        if not isinstance(value, str):
            if not isinstance(value, bool | int | float):
                return None
            value = json.dumps(value)
        return TooLong if len(value) > limit else search(value) is not None

    return found


def _longest(tree: Any) -> int:
    """Return how long a value may be so that the search stays within the budget."""
    factor, degree = _cost(tree)
    first = tree[0] if len(tree) else None
    anchored = first is not None and str(first[0]) == "AT" and "BEGINNING" in str(first[1])
    if not anchored or tree.state.flags & re.MULTILINE:
        degree += 1
    length = VALUE_LENGTH
    while factor * length**degree > BUDGET:
        length = length * 9 // 10
        if length < USEFUL_LENGTH:
            raise CostlyError
    return length


def _cost(tree: Iterable[Any]) -> tuple[int, int]:
    """Estimate the ways to match a sequence as (factor, degree): the ways of its parts multiply."""
    factor, degree = 1, 0
    for op, argument in tree:
        more, deeper = _cost_of(str(op), argument)
        factor, degree = factor * more, degree + deeper
        if factor > BUDGET:
            raise CostlyError
    return factor, degree


def _cost_of(op: str, argument: Any) -> tuple[int, int]:
    if op in _SINGLE:
        return 1, 0
    if op in _INSIDE:
        return _cost(argument if op == "ATOMIC_GROUP" else argument[-1])
    if op == "BRANCH":
        costs = [_cost(each) for each in argument[1]]
        return sum(factor for factor, _ in costs), max(degree for _, degree in costs)
    if op in _REPEATS:
        low, high, body = argument
        factor, degree = _cost(body)
        spread = int(high) - int(low) + 1
        if (factor, degree) != (1, 0):
            if int(high) > 8:
                raise CostlyError
            return factor ** int(high) * spread, degree * int(high)
        return (spread, 0) if spread <= 64 else (1, 1)
    raise CostlyError
