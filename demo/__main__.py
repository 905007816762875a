"""`python -m demo [--once]`: starts the gateway and the simulator, plays eight sendouts, and says who left on which
way.
"""

import argparse
import os
import secrets
import signal
import sys
import time
from contextlib import ExitStack
from io import TextIOWrapper
from typing import Any

from demo.children import ROOT
from demo.errors import DemoFailed
from demo.play import Play, Scene
from demo.programme import ACTS, afterwards
from demo.screen import Screen
from demo.stage import Stage
from simulator.client import SimulatorError

# A run takes some twenty seconds; beyond this limit something is stuck, and the table names it.
PLAY_SECONDS = 120.0
EVERY_SECONDS = 20.0
INTERRUPTED = 130


def main() -> int:
    """Return the exit code: 0 if every contact left on the right way."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="exit after the table: 0 only if every count is right")
    once = parser.parse_args().once
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    screen = Screen()
    try:
        with ExitStack() as stack:
            stage = Stage.build(stack, screen, **_read_overrides())
            screen.say()
            with stage.watched():
                scenes = Play(ACTS, stage, screen).run(PLAY_SECONDS)
                code = conclude(screen, scenes, stage.simulator.violations())
                if not once:
                    stay(stage, screen)
            return code
    except (DemoFailed, SimulatorError) as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything is ended.", file=sys.stderr)
        return INTERRUPTED


def _leave(number: int, frame: object) -> None:
    sys.exit(128 + number)


def _read_overrides() -> dict[str, Any]:
    """Return the overrides from the environment: DEMO_DATA_DIR, DEMO_PORT, DEMO_CONFIG and DEMO_PATIENCE.

    DEMO_PORT: 0 for any free one. DEMO_PATIENCE: seconds that the platform waits for an acknowledgement, for a machine
    that is busy with other things; the real one waits one second.
    """
    port = os.environ.get("DEMO_PORT", "8000")
    if not port.isdecimal():
        raise DemoFailed("DEMO_PORT is a number; 0 picks a free port.")
    return {
        "folder": ROOT / os.environ.get("DEMO_DATA_DIR", "var/demo"),
        "port": int(port),
        "config": ROOT / os.environ.get("DEMO_CONFIG", "demo/gateway.yaml"),
        "patience": float(os.environ.get("DEMO_PATIENCE", "1")),
        "password": secrets.token_urlsafe(9),
    }


def conclude(screen: Screen, scenes: list[Scene], violations: list[dict[str, Any]]) -> int:
    """Print the table and its verdict; return 0 only if everything is right."""
    screen.table(scenes)
    wrong = [f"“{scene.act.title}”: {'; '.join(scene.faults())}." for scene in scenes if scene.faults()]
    # Violations of a sendout are shown with it; others belong to none, such as a call to an unknown URI.
    strays = sorted({each["kind"] for each in violations if not each["sendout"]})
    if strays:
        wrong.append(f"The simulator saw violations that belong to no sendout ({', '.join(strays)}).")
    if wrong:
        screen.say("Not every contact left on the right way:")
        for sentence in wrong:
            screen.say(f"  {sentence}")
        return 1
    contacts = sum(scene.act.expected.total for scene in scenes)
    screen.say(f"All {contacts:,} contacts of {len(scenes)} sendouts left on the right way, without a violation.")
    return 0


def stay(stage: Stage, screen: Screen) -> None:
    """Send a small sendout now and then until Ctrl+C: by turns one that passes and one that waits for review."""
    screen.say()
    screen.say(f"The gateway's admin:  {stage.url}/admin/")
    screen.say(f"User and password:    {stage.user} / {stage.password}")
    screen.say(
        f"A small sendout comes every {EVERY_SECONDS:g} s; every other one waits in review for you, five minutes."
    )
    screen.say("Ctrl+C ends everything.")
    screen.say()
    number = 0
    try:
        while True:
            act = afterwards(number)
            stage.simulator.create(act.kind, **act.spec)
            screen.say(f"{time.strftime('%H:%M:%S')}  {act.label} ({act.expected.total} contacts) {act.title}")
            number += 1
            until = time.monotonic() + EVERY_SECONDS
            while time.monotonic() < until:
                stage.check()
                time.sleep(0.5)
    except KeyboardInterrupt:
        screen.say("\nEnding the gateway and the simulator …")


if __name__ == "__main__":
    sys.exit(main())
