"""Output of the demo: a line with a bar per sendout, and the closing table. ANSI on a terminal, else plain lines."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TextIO

from demo.programme import Ways

if TYPE_CHECKING:
    from demo.play import Scene

BAR = 24
TITLE = 17
# Without a terminal, a line is written at each change, and at least at this interval.
QUIET_SECONDS = 5.0
WIDTH_OF_LOGS = 160
GREEN, ORANGE, RED, GREY, BOLD, PLAIN = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[90m", "\x1b[1m", "\x1b[0m"


class Screen:
    """Output to a terminal, where lines are redrawn, or to any other stream, where they are appended."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._tty = out.isatty() and os.environ.get("TERM", "") != "dumb"
        self._colours = self._tty and not os.environ.get("NO_COLOR")
        self._right, self._wrong = ("✓", "✗") if _can_write(out, "✓✗") else ("ok", "WRONG")
        self._drawn = 0
        self._said: dict[str, str] = {}
        self._said_at = time.monotonic()

    @property
    def _width(self) -> int:
        return shutil.get_terminal_size().columns if self._tty else WIDTH_OF_LOGS

    def say(self, text: str = "") -> None:
        """Write a line of text."""
        self._out.write(text + "\n")
        self._out.flush()

    def show(self, scenes: Sequence["Scene"], *, last: bool = False) -> None:
        """Draw the lines of all sendouts; last: keep them on the screen."""
        if self._tty:
            lines = [self._line(scene, self._width) for scene in scenes]
            up = f"\x1b[{self._drawn}F" if self._drawn else ""
            self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
            self._drawn = 0 if last else len(lines)
            self._out.flush()
            return
        often = last or time.monotonic() >= self._said_at + QUIET_SECONDS
        for scene in scenes:
            if not scene.doing:
                continue
            # Numbers change all the time, so repeat a line only if its words change.
            words = "".join(letter for letter in scene.doing if not letter.isdigit())
            if words != self._said.get(scene.act.title) or (often and scene.ways.total < scene.act.expected.total):
                self.say(self._line(scene, self._width))
                self._said[scene.act.title] = words
                self._said_at = time.monotonic()

    def _line(self, scene: "Scene", width: int) -> str:
        total, gone = scene.act.expected.total, scene.ways.total
        left = f"{clip(scene.act.title, TITLE)} "
        right = f" {gone:>6,}/{total:<6,} "
        # On a narrow terminal drop the name first: bar and state are more informative.
        name = max(0, min(36, width - len(left) - BAR - len(right) - 46))
        label = f"{clip(scene.act.label, name)} " if name > 10 else ""
        doing = scene.doing[: max(0, width - len(left) - len(label) - BAR - len(right) - 1)]
        return f"{left}{self._colour(GREY, label)}{self._bar(scene.ways, total)}{right}{doing}"

    def _bar(self, ways: Ways, total: int) -> str:
        """Return cells in proportion: green accepted, orange rejected, red timed out, the rest still waiting."""
        ends = [round(part * BAR / total) for part in accumulate((0, *astuple(ways)))]
        cells = ((GREEN, "█"), (ORANGE, "▓"), (RED, "▒"), (GREY, "·"))
        lengths = (after - before for before, after in pairwise((*ends, BAR)))
        return "".join(self._colour(colour, cell * count) for (colour, cell), count in zip(cells, lengths, strict=True))

    def table(self, scenes: Sequence["Scene"]) -> None:
        """Write the closing table: expected and actual number of contacts on each of the three ways."""
        sendouts = max([len(scene.act.label) for scene in scenes] + [len("sendout")]) + 1
        if self._width < TITLE + 1 + sendouts + 3 * 19 + 3:
            sendouts = 0  # A wrapped table is unreadable; the titles are enough.
        heads = "".join(f"  {head:>17}" for head in ("accepted", "rejected", "timed out"))
        under = "".join(f"  {'expected':>8} {'actual':>8}" for _ in range(3))
        self.say()
        self.say(self._colour(BOLD, f"{'':{TITLE}} {'':{sendouts}}{heads}"))
        self.say(self._colour(BOLD, f"{'':{TITLE}} {clip('sendout', sendouts)}{under}"))
        for scene in scenes:
            wanted, found = scene.act.expected, scene.ways
            pairs = zip(astuple(wanted), astuple(found), strict=True)
            numbers = "".join(
                f"  {expected:>8,} " + (f"{actual:>8,}" if expected == actual else self._colour(RED, f"{actual:>8,}"))
                for expected, actual in pairs
            )
            tick = self._colour(RED, self._wrong) if scene.faults() else self._colour(GREEN, self._right)
            self.say(f"{clip(scene.act.title, TITLE)} {clip(scene.act.label, sendouts)}{numbers}  {tick}")
        self.say()

    def _colour(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours and text else text


def _can_write(out: TextIO, text: str) -> bool:
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def clip(text: str, width: int) -> str:
    """Return the text cut or padded to this number of columns."""
    if not width:
        return ""
    return f"{text[: width - 1]}…" if len(text) > width else f"{text:{width}}"
