"""Long answers read in blocks, with or without a proven end."""

import gzip
import threading
from collections.abc import Callable

import pytest

from outbound.download import BrokenDownload, Download, download
from outbound.session import Unreachable
from tests.outbound.net import Net
from tests.outbound.site import Request, Site, reply, reset

BODY = bytes(range(256)) * 4_000
SHORT = BODY[:5_000]


def chunked(body: bytes, size: int, last: bytes = b"0\r\n\r\n") -> bytes:
    """The body in chunks, as the wire has it."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def read(net: Net, answer: Callable[[Request], bytes]) -> tuple[bytes, str, bool]:
    """(what came, the word of the break or "", whether the end is proven)."""
    home = net.site(answer)
    received = b""
    with download(net.session(f"127.0.0.1:{home.port}", timeout=(1.0, 0.3)), home.uri(), block=10_000) as source:
        assert not source.proves_end()
        try:
            for some in source.blocks():
                assert not source.proves_end()
                received += some
        except BrokenDownload as broken:
            assert broken.received == len(received)
            return received, broken.word, source.proves_end()
        return received, "", source.proves_end()


@pytest.mark.parametrize(
    ("wire", "body", "proven"),
    [
        (reply(200, BODY), BODY, True),
        (reply(200, b""), b"", True),
        (CHUNKED + chunked(BODY, 7_000), BODY, True),
        (CHUNKED + chunked(BODY, 1_000_000, last=b"0\r\nX-Trailer: a\r\n\r\n"), BODY, True),
        (CHUNKED + b"0\r\n\r\n", b"", True),
        (HEAD + b"\r\n" + BODY, BODY, False),
        (HEAD + b"\r\n", b"", False),
        (HEAD + b"Content-Length: +4\r\n\r\nfour", b"four", False),
    ],
    ids=["length", "length 0", "chunks", "one chunk", "no chunk", "until closed", "nothing until closed", "no number"],
)
def test_a_whole_body_is_read_and_proven_where_the_transport_says_its_end(
    wire: bytes, body: bytes, proven: bool, net: Net
) -> None:
    assert read(net, lambda request: wire) == (body, "", proven)


@pytest.mark.parametrize(
    "wire",
    [
        HEAD + b"Content-Length: %d\r\n\r\n" % (len(SHORT) + 1) + SHORT,
        CHUNKED + chunked(SHORT, 700, last=b""),
        CHUNKED + chunked(SHORT, 700, last=b"10\r\n"),
        CHUNKED + chunked(SHORT, 700, last=b"nonsense\r\n"),
    ],
    ids=["length", "before the last chunk", "inside a chunk", "broken chunk"],
)
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_cut_body_gives_what_came_and_then_breaks(wire: bytes, ending: str, net: Net) -> None:
    drained = threading.Event()

    def cut(request: Request) -> bytes:
        request.wire.sendall(wire)
        if ending == "close":
            return b""
        drained.wait(10)
        return reset(request)

    home = net.site(cut)
    received = b""
    with download(net.session(f"127.0.0.1:{home.port}"), home.uri(), block=1) as source:
        with pytest.raises(BrokenDownload) as caught:
            for some in source.blocks():
                received += some
                # A reset throws away what the kernel still holds, so that it comes when all was read.
                if len(received) >= len(SHORT):
                    drained.set()
        assert not source.proves_end()
    assert received == SHORT
    assert (caught.value.word, caught.value.received) == ("cut", len(SHORT))
    assert caught.value.__context__ is None


def test_a_body_that_stops_coming_breaks_with_a_time_out(net: Net) -> None:
    over = threading.Event()

    def stall(request: Request) -> bytes:
        request.wire.sendall(HEAD + b"Content-Length: 100\r\n\r\nsome")
        over.wait(10)
        return b""

    assert read(net, stall) == (b"some", "time-out", False)
    over.set()


def test_a_body_left_half_read_proves_nothing_and_its_connection_is_not_used_again(net: Net) -> None:
    home = net.site(lambda request: reply(200, BODY))
    calls = net.session(f"127.0.0.1:{home.port}")
    with download(calls, home.uri(), block=10) as source:
        next(source.blocks())
        assert not source.proves_end()
    with download(calls, home.uri()) as source:
        assert b"".join(source.blocks()) == BODY
        assert source.proves_end()
    assert home.connections == 2


def test_the_encoding_is_named_and_not_undone(net: Net) -> None:
    packed = gzip.compress(BODY)
    home = net.site(lambda request: reply(200, packed, Content_Encoding=" GZIP"))
    with download(net.session(f"127.0.0.1:{home.port}"), home.uri(), headers={"X-Key": "a"}) as source:
        assert (source.status, source.content_encoding) == (200, "gzip")
        assert b"".join(source.blocks()) == packed
        assert source.proves_end()
    assert (home.requests[0].headers["Accept-Encoding"], home.requests[0].headers["X-Key"]) == ("gzip", "a")


def test_blocks_are_about_as_long_as_asked_however_small_the_chunks(net: Net) -> None:
    home = net.site(lambda request: CHUNKED + chunked(BODY, 100))
    with download(net.session(f"127.0.0.1:{home.port}"), home.uri(), block=10_000) as source:
        lengths = [len(some) for some in source.blocks()]
    assert sum(lengths) == len(BODY)
    assert all(10_000 <= length < 20_000 for length in lengths[:-1])


class Clock:
    """Time that passes with every look at it."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def dripping(net: Net, pieces: int) -> Site:
    def drip(request: Request) -> bytes:
        request.wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(pieces):
            request.wire.sendall(b"x")
        return b""

    return net.site(drip)


@pytest.mark.parametrize(
    ("limits", "word"), [({"least_rate": 1_000.0}, "slow"), ({"seconds": 60.0}, "slow"), ({}, "cut")]
)
def test_a_body_that_drips_for_ever_is_given_up(limits: dict[str, float], word: str, net: Net) -> None:
    home = dripping(net, 200)
    response = net.session(f"127.0.0.1:{home.port}").get(home.uri(), stream=True)
    with Download(response, block=1, clock=Clock(10.0), **limits) as file:
        with pytest.raises(BrokenDownload) as caught:
            list(file.blocks())
        assert caught.value.word == word
        assert not file.proves_end()


def test_a_reader_that_takes_its_time_is_not_held_against_the_other_side(net: Net) -> None:
    body = b"y" * 3_000_000
    home = net.site(lambda request: reply(body=body))
    clock = Clock(0.0)
    response = net.session(f"127.0.0.1:{home.port}").get(home.uri(), stream=True)
    with Download(response, block=100_000, least_rate=1_000_000.0, clock=clock) as file:
        received = 0
        for block in file.blocks():
            received += len(block)
            clock.now += 1_000.0
        assert (received, file.proves_end()) == (len(body), True)


def test_a_head_that_drips_for_ever_is_given_up(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outbound.session.HEAD_GRACE", 0.0)
    over = threading.Event()

    def drip(request: Request) -> bytes:
        request.wire.sendall(b"HTTP/1.1 200 OK\r\n")
        while not over.wait(0.05):
            request.wire.sendall(b"X: y\r\n")
        return b""

    home = net.site(drip)
    with pytest.raises(Unreachable) as caught:
        net.session(f"127.0.0.1:{home.port}", timeout=(1.0, 0.3)).get(home.uri())
    over.set()
    assert (caught.value.word, caught.value.sent) == ("time-out", True)
