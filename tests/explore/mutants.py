"""`--mutants`: break the product as `tests/mutants` names it, and count the schedules until exploration notices.

Nothing is broken in the working tree. Faults are tried that concern claims, deadlines, revisions, verbs and the release.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.databases import migrated_file
from tests.mutants.__main__ import broken, copy_tree
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.servers import temporary_folder

PLACES = ("work/", "gateway/lanes", "sendouts/lifecycle", "sendouts/deadlines", "sendouts/stages/", "sendouts/verbs/")
PLACES += ("sendouts/rules", "sendouts/symplify/client")
# What is to be found, within ten minutes each.
LEAST = 15
_SUMMARY = re.compile(r"^(\d+) schedules in .* (\d+) s of CPU", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """What exploration made of one fault. schedules: how many were run until it showed."""

    fault: Fault
    found: bool
    schedules: int
    cpu: int
    seconds: float
    said: str


def run(minutes: float, schedules: int, jobs: int, only: Sequence[str], seed: int) -> int:
    """Try each fault for so many minutes at most; print a table."""
    migrated_file()
    words = only or [""]
    faults = [each for each in FAULTS if each.file.startswith(PLACES) and not each.is_of_tables and not each.postgresql]
    faults = [each for each in faults if any(word in each.name or word in each.file for word in words)]
    results = []
    with temporary_folder("explored") as folder:
        copy = copy_tree(folder / "copy")
        for fault in faults:
            results.append(_try(fault, copy, minutes, schedules, jobs, seed))
            _tell(results[-1])
    found = [each for each in results if each.found]
    print(f"\n{len(found)} of {len(results)} faults found, seed {seed}.")
    for each in sorted(results, key=lambda each: (not each.found, each.schedules)):
        print(
            f"| {each.fault.name} | {f'after {each.schedules:,}' if each.found else f'not in {each.schedules:,}'} | {each.cpu} s |"
        )
    return 0 if len(found) >= min(LEAST, len(results)) else 1


def _try(fault: Fault, copy: Path, minutes: float, schedules: int, jobs: int, seed: int) -> Found:
    options = {"minutes": minutes, "schedules": schedules, "jobs": jobs, "seed": seed}
    command = [
        sys.executable,
        "-m",
        "tests.explore",
        "--first",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    began = time.monotonic()
    with broken(fault, copy):
        done = subprocess.run(command, cwd=copy, env=os.environ, check=False, text=True, capture_output=True)
    summary = _SUMMARY.search(done.stdout)
    if summary is None:
        raise RuntimeError(done.stdout[-1000:] + done.stderr[-2000:])
    said = next((line for line in done.stdout.splitlines() if " s: " in line), "")
    return Found(fault, bool(said), int(summary[1]), int(summary[2]), time.monotonic() - began, said)


def _tell(result: Found) -> None:
    word = "found" if result.found else "ALIVE"
    print(
        f"{word} {result.schedules:5} schedules {result.cpu:4} s  {result.fault.name}  [{result.fault.file}]",
        flush=True,
    )
    if result.said:
        print(f"        {result.said}", flush=True)
