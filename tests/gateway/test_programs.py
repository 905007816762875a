"""The programs behind `make` that no other test runs can be started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    "name", ["tests.benchmarks", "tests.browser.screenshots", "tests.chaos", "tests.fuzz", "tests.mutants"]
)
def test_a_program_of_the_makefile_starts(name: str) -> None:
    wanted = {key: value for key, value in os.environ.items() if key not in {"DJANGO_SETTINGS_MODULE", "ENV_FILE"}}
    command = [sys.executable, "-m", name, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=wanted, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("usage:")
