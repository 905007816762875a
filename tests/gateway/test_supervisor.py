"""No process of the gateway outlives the one that started it, and none loads what only others need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.run.processes import CELERY_UNCHECKED

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


def test_a_worker_starts_without_screens_rest_framework_and_clients_of_clouds() -> None:
    code = "from gateway.celery import app; app.loader.import_default_modules(); import sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    environment = os.environ | CELERY_UNCHECKED
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    heavy = {
        "desk.batch",
        "desk.home",
        "rest_framework.serializers",
        "drf_spectacular.views",
        "jinja2",
        "boto3",
        "asyncssh",
    }
    assert heavy.isdisjoint(done.stdout.split())
