"""However definitions are brought together and a batch is cut into chunks and pages, everybody is decided on alike."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from actions import catalog
from actions.contract import ACCEPT, Check, Config, Contact, Context, Phase, Verdict, reject, undecided
from actions.effect import Applied, Effect, Pending, Rendered
from actions.plan.merge import Asked, Definition, Merged, canonical, merge
from tests.actions.helpers import run


class Numbers(Config):
    """Which remainders are rejected, and which cannot be judged."""

    by: int
    no: int
    perhaps: int
    size: int
    waits: bool


class Dividing(Check):
    """Judges a contact by its number alone."""

    name = title = "dividing"

    def __init__(self, config: Numbers) -> None:
        super().__init__(config)
        self.page_size, self.waits = config.size, config.waits  # type: ignore[misc]

    Config = Numbers

    def check(self, page: Sequence[Contact], context: Context) -> Sequence[Verdict]:
        return [self._of(contact.fields["number"] % self.config.by) for contact in page]

    def _of(self, rest: int) -> Verdict:
        if rest == self.config.no:
            return reject(f"{self.config.by}-{rest}", "No")
        return undecided(f"{self.config.by}-{rest}", "Perhaps") if rest == self.config.perhaps else ACCEPT


class Coded(Effect):
    """Prepares the number and what it was given before, and gives on its own."""

    name = title = "coded"
    Config = Numbers

    def __init__(self, config: Numbers) -> None:
        super().__init__(config)
        self.page_size, self.waits = config.size, config.waits  # type: ignore[misc]

    def render(self, page: Sequence[Contact], context: Context) -> Sequence[Rendered]:
        return [self._of(contact) for contact in page]

    def _of(self, contact: Contact) -> Rendered:
        number = contact.fields["number"]
        if number % self.config.by == self.config.no:
            return Rendered(verdict=undecided("no_code", "No code"))
        return Rendered([number, *contact.given.values()], given={str(self.config.by): str(number)})

    def apply(self, page: Sequence[Pending], context: Context) -> Sequence[Applied]:
        raise AssertionError("screening changes nothing outside")


class Telling(Coded):
    name = title = "telling"
    phase = Phase.TRANSFER


KINDS = {kind.name: kind for kind in (Dividing, Coded, Telling)}
PHASES = {name: kind.phase for name, kind in KINDS.items()}
NAMES = ("a", "b", "c")
CONFIGS = st.fixed_dictionaries(
    {
        "by": st.integers(2, 5),
        "no": st.integers(0, 4),
        "perhaps": st.integers(0, 4),
        "size": st.integers(1, 7),
        "waits": st.booleans(),
    }
)


@st.composite
def definitions(draw: st.DrawFn) -> list[Definition]:
    made = st.tuples(
        st.sampled_from(NAMES), st.sampled_from(sorted(KINDS)), CONFIGS, st.sampled_from(["asked", "always"])
    )
    found = draw(st.lists(st.tuples(made, st.sampled_from(["project", "sendout"])), max_size=6))
    return [
        Definition(number, name, kind, canonical(config), "hold", run, level, number)
        for number, ((name, kind, config, run), level) in enumerate(found)
    ]


def decided(plan: Merged, numbers: Sequence[int]) -> list[Any]:
    """For each contact: word, code, whose verdict it is, and what its effects will need."""
    contacts = [Contact(f"A-{number}", {"number": number}, number) for number in numbers]
    with patch.object(catalog, "kind", KINDS.__getitem__):
        result = run(plan.actions, contacts)
    assert not result.failures
    needs: list[list[Any]] = [[] for _ in numbers]
    for place, step, text in sorted(result.payloads):
        needs[place].append((step, text))
    return [
        (verdict.word, verdict.code, step, action, need)
        for verdict, step, action, need in zip(result.verdicts, result.steps, result.action, needs, strict=True)
    ]


@given(definitions(), st.sets(st.sampled_from(NAMES)), st.lists(st.integers(0, 60), max_size=30), st.data())
def test_the_cutting_of_a_batch_decides_nothing(
    found: list[Definition], asked: set[str], numbers: list[int], data: st.DataObject
) -> None:
    plan = merge(found, [Asked.of(name) for name in sorted(asked)], PHASES)
    alone = [decided(plan, [number])[0] for number in numbers]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(numbers)), max_size=4)))
    borders = [0, *cuts, len(numbers)]
    chunks = [decided(plan, numbers[start:end]) for start, end in pairwise(borders)]
    assert [each for chunk in chunks for each in chunk] == alone


@given(definitions(), definitions(), st.sets(st.sampled_from(NAMES)))
def test_a_second_set_takes_nobody_back_whom_the_first_has_rejected(
    found: list[Definition], more: list[Definition], asked: set[str]
) -> None:
    wanted = [Asked.of(name) for name in sorted(asked)]
    numbers = range(40)
    further = [replace(each, id=100 + each.id) for each in more]
    before = decided(merge(found, wanted, PHASES), numbers)
    after = decided(merge([*found, *further], wanted, PHASES), numbers)
    rank = {"accept": 0, "undecided": 1, "reject": 2}
    assert all(rank[old[0]] <= rank[new[0]] for old, new in zip(before, after, strict=True))
