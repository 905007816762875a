"""Twelve batches and sixty singles at a service that hangs: nobody else waits, and their deadlines are kept."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.deployment import deployment, wait_until
from tests.actions.helpers import Reply, Service, service

CONFIG = """
projects:
  - name: Plain
    actions:
      - {{identifier: check, kind: field_rule, config: {{field: properties.consent, reject_if: {{equals: false}}, reason: "No"}}}}
  - {{name: Slow, actions: [{slow}]}}
  - {{name: Closing, at_deadline: reject, answer_within: 60s, actions: [{slow}]}}
  - {{name: Prompt, actions: [{prompt}]}}
"""
ASK = '{{identifier: check, kind: consent_check, config: {{url: "{url}", timeout: 30}}}}'


@contextmanager
def hanging() -> Iterator[tuple[Service, threading.Event]]:
    """A service that consents to everybody, and answers nobody before the event is set."""
    go_on = threading.Event()

    def reply(_number: int, question: Any) -> Reply:
        go_on.wait(300)
        verdicts = json.dumps({"verdicts": dict.fromkeys(question["contacts"], True)}).encode()
        return 200, {"Content-Type": "application/json"}, verdicts

    with service(reply) as running:
        try:
            yield running, go_on
        finally:
            go_on.set()


@pytest.mark.parametrize("mode", ["embedded", "processes"])
def test_what_hangs_on_a_service_holds_up_nobody_and_keeps_its_deadline(mode: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        (slow, go_on), (prompt, at_once) = stack.enter_context(hanging()), stack.enter_context(hanging())
        at_once.set()
        config = CONFIG.format(slow=ASK.format(url=slow.url), prompt=ASK.format(url=prompt.url))
        gateway, platform = stack.enter_context(deployment(tmp_path, mode, config=config))

        def send(kind: str, project: str, sendout: str, **more: Any) -> str:
            spec = {"project": project, "journey": "J", "sendout": sendout, "actions": ["check"], "due": "none"}
            return str(platform.create(kind, **(spec | more))["id"])

        held = [send("batch", "Slow", f"file {number}", contacts=100) for number in range(12)]
        held.append(send("single", "Slow", "singles", hooks=60))
        closing = [send("batch", "Closing", "file", contacts=20), send("single", "Closing", "singles", hooks=10)]
        wait_until(lambda: slow.questions, 60, "the service is asked", gateway.tail)
        others = [
            send("single", "Plain", "singles", hooks=20),
            send("batch", "Plain", "file", contacts=2_000),
            send("batch", "Prompt", "file", contacts=2_000),
            send("single", "Prompt", "singles", hooks=20),
        ]
        for sent in others:
            platform.wait_finished(sent, within=60)
        assert sum(platform.sendout(sent)["finished"] for sent in held) == 0, "all of this while the others hang"
        for sent, contacts in zip(closing, (20, 10), strict=True):
            seen = platform.wait_for(sent, lambda now: not now["waiting"], within=90)
            assert (seen["rejected"], seen["timed_out"]) == (contacts, 0), "the clock acted in time"
        assert not go_on.is_set()
        go_on.set()
        for sent in held:
            seen = platform.wait_finished(sent, within=120)
            assert (seen["rejected"], seen["violations"]) == (0, [])
