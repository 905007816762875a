"""What the demo counts as right, and how it shows it: without processes."""

import io
from dataclasses import replace
from typing import Any

import pytest

from demo.__main__ import conclude
from demo.play import Scene
from demo.programme import ACTS, Act, Ways, afterwards
from demo.screen import Screen

ACT = Act("unknown action", "batch", ("Newsletter", "Rentrée", "Avant-première"), Ways(9, 1, 0), decides="accept")


def scene(act: Act = ACT, *, batch: dict[str, Any] | None = None, decided: bool = True, **report: Any) -> Scene:
    """A scene that is over and right, but for what is given."""
    right = {
        "accepted": 9,
        "rejected": 1,
        "timed_out": 0,
        "waiting": 0,
        "refused": 0,
        "deliveries": 1,
        "finished": 1,
        "violation_count": 0,
        "violations": [],
        "first_hook_at": 1000.0,
        "finished_at": 1001.5,
    }
    wrote = {"id": 1, "status": "finished", "accepted": 9, "confirmed": 1, "timed_out": 0}
    return Scene(act, "s1", right | report, wrote | (batch or {}), None, decided)


def concluded(*scenes: Scene, violations: tuple[dict[str, Any], ...] = ()) -> tuple[int, str]:
    """The exit code and what was written."""
    out = io.StringIO()
    return conclude(Screen(out), list(scenes), list(violations)), out.getvalue()


def test_what_is_right_ends_with_0() -> None:
    code, text = concluded(scene())
    assert code == 0
    assert "✓" in text
    assert "✗" not in text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (scene(accepted=10, rejected=0), "contacts left on another way than expected"),
        (scene(accepted=8, timed_out=1), "contacts left on another way than expected"),
        (scene(accepted=0, waiting=9), "9 contacts still wait"),
        (scene(refused=1), "the door refused 1 hooks"),
        # The numbers are right, the people are not.
        (scene(violation_count=1, violations=[{"kind": "rejected_not_due"}]), "1 violation of the protocol"),
        (scene(decided=False), "it did not wait until a person had decided"),
        (scene(batch={"accepted": 10}), "the gateway wrote down something else"),
        (scene(batch={"status": "expired", "timed_out": 9}), "the gateway wrote down something else"),
        (Scene(ACT), "it was never fired"),
    ],
)
def test_whatever_is_wrong_ends_with_1_and_a_sentence(wrong: Scene, sentence: str) -> None:
    code, text = concluded(scene(), wrong)
    assert code == 1
    assert sentence in text
    assert text.count("✓") == text.count("✗") == 1


def test_a_violation_that_belongs_to_no_sendout_ends_with_1() -> None:
    code, text = concluded(scene(), violations=({"kind": "unknown_finish", "sendout": None},))
    assert code == 1
    assert "unknown_finish" in text


def test_a_batch_is_over_only_when_the_gateway_wrote_down_its_end() -> None:
    assert scene().over
    assert not scene(batch={"status": "delivered"}).over
    assert not scene(waiting=1).over
    # A hook comes only once: one that the door refused is not waited for.
    assert replace(scene(waiting=10, refused=1), batch={}).over


def test_the_programme_says_how_many_leave_on_which_way() -> None:
    for act in ACTS:
        assert act.expected.total == act.wanted["contacts"] * act.wanted.get("hooks", 1)
        due = act.wanted.get("due")
        if isinstance(due, list):
            assert len(set(due)) == act.expected.rejected
    assert len({act.names for act in ACTS}) == len(ACTS)


def test_afterwards_one_passes_and_one_waits_in_turn() -> None:
    assert [afterwards(number).title for number in range(4)] == ["passes by itself", "waits in review"] * 2


class Terminal(io.StringIO):
    """A terminal as far as the screen asks."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 80, 118, 119, 120, 200])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    screen = Screen(out)
    scenes = [scene(replace(act, expected=Ways(9, 1, 0))) for act in ACTS]
    screen.show(scenes)
    screen.show(scenes, last=True)
    lines = out.getvalue().replace("\x1b[2K", "").replace(f"\x1b[{len(scenes)}F", "").splitlines()
    assert len(lines) == 2 * len(scenes)
    assert max(map(len, lines)) <= width
    if width >= 80:
        out.seek(0)
        out.truncate()
        screen.table(scenes)
        assert max(map(len, out.getvalue().splitlines())) <= width


@pytest.mark.parametrize("accepted", range(11))
def test_a_bar_is_always_as_long_as_the_others(monkeypatch: pytest.MonkeyPatch, accepted: int) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    part = scene(accepted=accepted, rejected=(10 - accepted) // 2, timed_out=0, waiting=5)
    Screen(out).show([part], last=True)
    assert sum(out.getvalue().count(cell) for cell in "█▓▒") <= 24
    assert sum(out.getvalue().count(cell) for cell in "█▓▒") + out.getvalue().count("·") == 24 + 1  # one in the name
