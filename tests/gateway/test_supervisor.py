"""No process of the gateway outlives the one that started it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TEXT = """
import django, os
django.setup()
from gateway.run.processes import die_with
die_with({parent})
print("stays", flush=True)
"""


def run(parent: str) -> str:
    code = TEXT.format(parent=parent)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children of their parent's end")
def test_a_child_whose_parent_died_before_it_could_ask_to_be_told_ends() -> None:
    assert run("os.getppid() + 1") == ""
    assert run(str(os.getpid())) == "stays\n"
