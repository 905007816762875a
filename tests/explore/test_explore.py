"""A hundred schedules of fixed seeds: none breaks a promise, and each is the same every time."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS, SCHEDULES = 1, 100


def _explore(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Explore in an interpreter of its own: the virtual clock comes before Django."""
    command = [sys.executable, "-m", "tests.explore", *arguments]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=False, text=True, capture_output=True)


def test_no_schedule_of_the_fixed_seeds_breaks_a_promise() -> None:
    done = _explore(f"--seed={SEEDS}", f"--schedules={SCHEDULES}", "--jobs=1", "--minutes=60")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n{SCHEDULES} schedules " in done.stdout


def test_the_same_seed_is_the_same_schedule_in_every_detail() -> None:
    once, again, other = (_explore(f"--replay={seed}").stdout for seed in (5, 5, 6))
    assert once == again != other
    assert len(once.splitlines()) > 5
