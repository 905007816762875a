"""Long answers read in blocks with constant memory use, and a proof that the end was reached."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from outbound.session import GuardedSession

BLOCK = 256 * 1024
# Longest time in seconds that data waits for the rest of its block, so that a slow file can be read while it comes.
HELD = 0.5
# Seconds of each window in which the rate of a download is checked.
WINDOW = 30.0


class BrokenDownload(Exception):
    """The body ended too early. `word` is "cut" (reset or cut off), "time-out" (no data for too long) or "slow".

    Slow means too little data in a window, or not all of it in time.
    """

    def __init__(self, word: str, received: int) -> None:
        super().__init__(f"the body broke off after {received} bytes ({word})")
        self.word = word
        self.received = received


class Download:
    """An answer whose body is not read yet and can be read once; a context manager that closes it.

    `content_encoding` is the header in lower case; blocks() does not decode it. `least_rate` is the least rate in bytes
    a second in each window of 30 s. All of the body must have arrived within `seconds`. Both bounds are needed, since a
    body that drips would otherwise occupy its reader for ever: no single wait is long. `resumed`: the body continues
    the part that was asked for.
    """

    def __init__(
        self,
        response: requests.Response,
        block: int = BLOCK,
        least_rate: float = 0.0,
        seconds: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.content_encoding: str = response.headers.get("Content-Encoding", "").strip().lower()
        self.received = 0
        self.resumed = False
        self._response = response
        self._block = block
        self._ended = False
        self._least = least_rate * WINDOW
        self._clock = clock
        self._ends = clock() + seconds

    def start(self, limit: int) -> bytes:
        """Return the first bytes of the body, for a look at an error page; the rest is not read."""
        try:
            return bytes(self._response.raw.read(limit, decode_content=True))
        except (HTTPError, OSError):
            return b""

    def blocks(self) -> Iterator[bytes]:
        """Yield the body undecoded, in blocks of about `block` bytes, or less if it comes slowly.

        Raise BrokenDownload after the last data.
        """
        waiting: list[bytes] = []
        size = 0
        word = ""
        yielded = self._clock()
        window_ends, expected = yielded + WINDOW, self._least
        while not word:
            try:
                # read1 returns what has arrived, so that a reset within a block does not lose that block.
                piece: bytes = self._response.raw.read1(self._block, decode_content=False)
            except (HTTPError, OSError) as error:
                word = "time-out" if "Timeout" in type(error).__name__ else "cut"
                break
            if not piece:
                break
            waiting.append(piece)
            size += len(piece)
            self.received += len(piece)
            now = self._clock()
            if now >= window_ends:
                # Count from the bytes at the window's start: our own reader's time between blocks is not the sender's
                # fault.
                word = "slow" if self.received < expected else ""
                window_ends, expected = now + WINDOW, self.received + self._least
            if now >= self._ends:
                word = "slow"
            if (size >= self._block or now - yielded >= HELD) and not word:
                yield b"".join(waiting)
                waiting, size, yielded = [], 0, self._clock()
                window_ends += yielded - now
        if waiting:
            yield b"".join(waiting)
        if word:
            raise BrokenDownload(word, self.received)
        self._ended = True

    def proves_end(self) -> bool:
        """Return whether the body was read to a proven end: all of Content-Length, or the last chunk."""
        if not self._ended:
            return False
        # Reading a chunked answer that was cut before its last chunk fails.
        if self._response.raw.chunked:
            return True
        length = self.headers.get("Content-Length", "")
        return length.isascii() and length.isdigit() and int(length) == self.received

    @property
    def share(self) -> float:
        """Return the received share of the body, from 0 to 1; 0 if its length is unknown."""
        length = self.headers.get("Content-Length", "")
        return min(1.0, self.received / int(length)) if length.isascii() and length.isdigit() and int(length) else 0.0

    def close(self) -> None:
        """Close the answer; drop a connection with unread body instead of keeping it."""
        self._response.close()

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def download(
    session: GuardedSession,
    uri: str,
    *,
    block: int = BLOCK,
    headers: Mapping[str, str] | None = None,
    least_rate: float = 0.0,
    seconds: float = float("inf"),
    **options: Any,
) -> Download:
    """GET a URI without reading its body yet; raise Refused or Unreachable. Any status is an answer."""
    # gzip is the only encoding that readers of contact files support.
    asked = {"Accept-Encoding": "gzip", **(headers or {})}
    return Download(session.get(uri, headers=asked, stream=True, **options), block, least_rate, seconds)
