"""`python -m tests.fuzz --inputs 200000 --seed 1`: damaged hooks and contact files, read and judged. Bounded and repeatable."""

import argparse
import sys
import time
from collections import Counter
from random import Random

from tests.fuzz.judging import judge_file, judge_hook
from tests.fuzz.making import contact_file, hook

LARGEST = 10_000_000


def one(seed: int, number: int) -> str:
    """Make and judge one input, which seed and number name for ever; the outcome in words."""
    random = Random(f"{seed}/{number}")
    if number % 4 == 0:
        return "hook           " + judge_hook(hook(random))
    return "contact file   " + judge_file(contact_file(random), random)


def run(inputs: int, seed: int, first: int = 0) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Judge so many inputs; how often each outcome was seen, and the numbers of those that broke a rule."""
    seen: Counter[str] = Counter()
    failed: list[tuple[int, str]] = []
    for number in range(first, first + inputs):
        try:
            seen[one(seed, number)] += 1
        except Exception as error:
            # Whatever is raised is a finding: the readers document what they raise, and the judge caught that.
            failed.append((number, f"{type(error).__name__}: {str(error)[:200]}"))
    return seen, failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, help="how many, at most 10,000,000")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first: to see one again")
    asked = parser.parse_args()
    inputs = max(1, min(asked.inputs, LARGEST))
    started = time.monotonic()
    seen, failed = run(inputs, asked.seed, asked.first)
    for outcome, count in sorted(seen.items(), key=lambda item: -item[1]):
        print(f"{count:>9,}  {outcome}")
    print(f"{inputs:,} inputs, seed {asked.seed}, {time.monotonic() - started:.0f} s, {len(failed)} broke a rule.")
    for number, sentence in failed[:20]:
        print(f"BROKEN   --seed {asked.seed} --first {number} --inputs 1: {sentence}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
