"""What is taken out of log lines, and what stays readable."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError

from actions.contract import Permanent
from gateway.logs.redact import Redactor, told
from tests.servers import common_environment

ROOT = Path(__file__).resolve().parent.parent.parent
SECRETS = ("a-long-secret", "short")
redactor = Redactor(SECRETS)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://user:pass@api.example.com/cancel/T0k3n?x=1#y failed", "GET https://api.example.com/… failed"),
        ("redis://:password@redis.example.com:6379/0", "redis://redis.example.com:6379/…"),
        ("Authorization: Bearer abcdefghi", "Authorization: Bearer …"),
        ("Authorization: Basic aG9vazpzZWNyZXQ=", "Authorization: Basic …"),
        ("sent to someone+x@mail.example.com.", "sent to …."),
        ("it was a-long-secret all the time", "it was … all the time"),
        ("/admin/sendouts/batch/7/?contact=A-17", "/admin/sendouts/batch/7/?…"),
        ("null value\nDETAIL:  Failing row contains (1, A-17).\nCONTEXT: COPY x", "null value …"),
        ("syntax error\nLINE 1: SELECT 'A-17'", "syntax error …"),
        ("batch 17 was planned in 3 ms", "batch 17 was planned in 3 ms"),
    ],
)
def test_what_looks_dangerous_goes_and_the_rest_stays(text: str, left: str) -> None:
    assert redactor.text(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Max retries exceeded with url: /cancel/T0k3n", "Max retries exceeded with url: /…"),
        ("(host='x', port=1): /finish/abc)", "(host='x', port=1): /…)"),
        ("Forbidden: /admin/sendouts/batch/", "Forbidden: /admin/sendouts/batch/"),
    ],
)
def test_what_other_packages_say_loses_every_path_that_is_not_ours(text: str, left: str) -> None:
    assert redactor.foreign(text) == left


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_a_traceback_has_places_and_classes_and_no_values() -> None:
    text = told(raised(IntegrityError("Key (contact_id)=(A-17)"), raised(ValueError("A-18"))), redactor)
    assert "in raised" in text and "IntegrityError" in text and "ValueError" in text
    assert "A-17" not in text and "A-18" not in text


def test_an_error_of_the_database_keeps_its_code() -> None:
    text = told(raised(psycopg.errors.CheckViolation("Failing row contains (A-17)")), redactor)
    assert text.endswith("psycopg.errors.CheckViolation 23514")


def test_what_we_wrote_ourselves_and_what_tells_of_connections_is_said() -> None:
    assert told(raised(Permanent("The answer is not JSON.")), redactor).endswith("Permanent: The answer is not JSON.")
    lost = OperationalError("connection to postgres://u:p@db.example.com/x failed\nA-17")
    assert told(raised(lost), redactor).endswith("OperationalError: connection to postgres://db.example.com/… failed")


def test_an_exception_that_is_its_own_reason_ends() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert told(first, redactor).count("Traceback") == 2


def written(tmp_path: Path, code: str) -> list[dict[str, Any]]:
    """What a process with our settings writes to its log; a process of its own, since logs are set up once."""
    environment = {**os.environ, **common_environment(tmp_path), "LOG_JSON": "1", "LOG_LEVEL": "DEBUG"}
    before = "import logging, threading, django, structlog; django.setup()\n"
    command = [sys.executable, "-c", before + textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_events_of_ours_of_others_and_of_the_dying_are_cleaned(tmp_path: Path) -> None:
    lines = written(
        tmp_path,
        """
        try:
            raise ValueError("A" + "-17")
        except ValueError as caught:
            error = caught
            structlog.get_logger("sendouts.test").exception(
                "failed", uri="https://x.example.com/cancel/T", inner={"who": ["a@example.com"]}, error=error, rows=3)
        for room in ("notices", "work", "desk", "api"):
            structlog.get_logger(f"{room}.test").debug("done")
        named = {"data": {"name": "sendouts.plan", "args": str(error)}}
        logging.getLogger("celery.app.trace").error("Task %s raised: %r", "t", error, exc_info=error, extra=named)
        logging.getLogger("other").warning("It failed: %s", error)
        logging.getLogger("other").warning(error)
        logging.getLogger("asyncio").error("Task exception was never retrieved\\nfuture: %r" % error, exc_info=error)
        # Cannot be written: dropped without its arguments.
        logging.getLogger("other").error("%d", "A" + "-17")
        def die(): raise error
        thread = threading.Thread(target=die, name="worker")
        thread.start()
        thread.join()
        die()
        """,
    )
    own = lines[0]
    assert (own["event"], own["rows"], own["error"]) == ("failed", 3, "ValueError")
    assert (own["uri"], own["inner"]) == ("https://x.example.com/…", {"who": ["…"]})
    assert "ValueError" in own["exception"]
    assert [line["event"] for line in lines[1:5]] == ["done"] * 4, "every room is heard"
    assert [line["event"] for line in lines[5:]] == [
        "A task failed: sendouts.plan",
        "It failed: ValueError",
        "ValueError",
        "Task exception was never retrieved",
        "thread_died",
        "process_failed",
    ]
    assert "A-17" not in json.dumps(lines)
