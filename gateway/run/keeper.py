"""The keeper: a small process that keeps the door's socket, and each connection until its hook is answered.

It runs from this file with the standard library alone, so it starts in a moment. The kernel closes a socket when the
last process that has it open ends. So hooks survive a door that is killed: the keeper hands their connections, with the
bytes that the door had read, to another door. No hook passes through the keeper. If it is killed, the master of the
doors starts another one, and the doors tell it again what they hold.

Every message is one packet of a Unix socket: a letter, the number of the connection where there is one, and bytes.
"""

import json
import os
import selectors
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import count

# From a door. OPENED brings the connection itself; DATA are bytes of a hook under way. PRIVATE: something else is under
# way, which nobody may repeat. ANSWERED may bring the numbers of more connections. GIVE: hand the connection to another
# door; the keeper sends that door the same word.
DOOR, OPENED, DATA, PRIVATE, ANSWERED, CLOSED, GIVE = b"D", b"o", b"d", b"p", b"a", b"c", b"g"
# To a door: all bytes of a given connection were sent. From the door: it serves the oldest that was given.
GIVEN, ADOPTED = b"e", b"n"
# A door that takes no more connections.
LEAVES = b"l"
# From the master of the doors: be the only one, and get the door's socket; list the doors; end.
CLAIM, LIST, STOP = b"C", b"L", b"S"
# To the master: another one has come.
SUPERSEDED = b"X"
NUMBER = struct.Struct("!Q")
HEAD_BYTES = 1 + NUMBER.size
PIECE_BYTES = 60_000
# Connections that one packet names.
MOST_NUMBERS = 1_000
# Without a master the keeper and its doors go on for this long: time for a new one to start.
ALONE_SECONDS = 60.0
# The longest wait for a door that must take a connection.
DOOR_SECONDS = 0.5
# How long connections wait where no door is left.
WAIT_SECONDS = 30.0


class Kept:
    """One connection of a door, and the bytes of its hook under way."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.log: list[bytes] = []
        self.private = False
        self.until = 0.0

    def close(self) -> None:
        os.close(self.descriptor)


class Peer:
    """A door, or the master of the doors."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.kept: dict[int, Kept] = {}
        # Sent to this door, which has not taken them yet, oldest first.
        self.given: deque[Kept] = deque()
        self.is_door = False
        self.pid, self.user = peer_of(wire)
        # Readable once the process has ended.
        self.process = -1
        with suppress(OSError):
            self.process = os.pidfd_open(self.pid)

    def close(self) -> None:
        self.wire.close()
        if self.process >= 0:
            os.close(self.process)


class Keeper:
    """Serves one master and its doors until it is told to stop, or has been alone for too long."""

    def __init__(self, listener: int, place: socket.socket) -> None:
        self._listener = listener
        self._place = place
        self._peers: set[Peer] = set()
        self._master: Peer | None = None
        self._alone_since = time.monotonic()
        self._waiting: list[Kept] = []
        # Doors that have closed their socket: they die, or live and will come back.
        self._leaving: dict[int, Peer] = {}
        self._turns = count()
        self._stopped = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(place, selectors.EVENT_READ, self._accept)

    def run(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(1.0):
                key.data()
            now = time.monotonic()
            for kept in [each for each in self._waiting if each.until < now]:
                self._waiting.remove(kept)
                kept.close()
            if self._master is None and not self._doors() and now > self._alone_since + ALONE_SECONDS:
                return

    def _accept(self) -> None:
        wire, _ = self._place.accept()
        peer = Peer(wire)
        if peer.user != os.getuid():
            return peer.close()
        self._peers.add(peer)
        self._selector.register(wire, selectors.EVENT_READ, partial(self._read, peer))
        return None

    def _read(self, peer: Peer) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(peer.wire, HEAD_BYTES + PIECE_BYTES, 1)
        except OSError:
            data, descriptors = b"", []
        if not data:
            self._lose(peer)
        elif data[:1] in (DOOR, LEAVES, CLAIM, LIST, STOP):
            self._serve(peer, data)
        else:
            self._note(peer, data[:1], NUMBER.unpack_from(data, 1)[0], data[HEAD_BYTES:], descriptors)

    def _serve(self, peer: Peer, order: bytes) -> None:
        if order == DOOR:
            peer.is_door = True
            if (returned := self._leaving.pop(peer.pid, None)) is not None:
                self._release(returned, dead=False)
            waiting, self._waiting = self._waiting, []
            for kept in waiting:
                self._pass_on(kept)
        elif order == LEAVES:
            peer.is_door = False
        elif order == STOP:
            self._stopped = True
        elif order == CLAIM:
            if self._master is not None:
                _send(self._master.wire, SUPERSEDED)
            self._master = peer
            _send(peer.wire, self._pids(), self._listener)
        else:
            _send(peer.wire, self._pids())

    def _note(self, peer: Peer, word: bytes, number: int, data: bytes, descriptors: list[int]) -> None:
        if word == OPENED:
            peer.kept[number] = Kept(descriptors[0])
            return
        if word == ADOPTED:
            adopted = peer.kept[number] = peer.given.popleft()
            adopted.log = []
            return
        if word == ANSWERED:
            for answered in (number, *(each for (each,) in NUMBER.iter_unpack(data))):
                if answered in peer.kept:
                    peer.kept[answered].log = []
                    peer.kept[answered].private = False
            return
        kept = peer.kept.get(number)
        if kept is None:
            # The door accepted it while no keeper was there.
            return
        if word == DATA:
            kept.log.append(data)
        elif word == PRIVATE:
            kept.log, kept.private = [], True
        else:
            del peer.kept[number]
            if word == GIVE:
                self._pass_on(kept, besides=peer)
            else:
                kept.close()

    def _lose(self, peer: Peer) -> None:
        """Forget a peer that closed its socket; if it has connections, wait for its end to see whose they are."""
        self._selector.unregister(peer.wire)
        self._peers.remove(peer)
        if peer is self._master:
            self._master, self._alone_since = None, time.monotonic()
        if not (peer.kept or peer.given) or peer.process < 0:
            return self._release(peer, dead=False)
        self._leaving[peer.pid] = peer
        self._selector.register(peer.process, selectors.EVENT_READ, partial(self._release, peer, dead=True))
        return None

    def _release(self, peer: Peer, *, dead: bool) -> None:
        """Hand the hooks of a dead door to another one; a living door keeps its own."""
        with suppress(KeyError, ValueError):
            self._selector.unregister(peer.process)
        self._leaving.pop(peer.pid, None)
        for kept in (*peer.kept.values(), *peer.given):
            if dead and not kept.private:
                self._pass_on(kept)
            else:
                kept.close()
        peer.close()

    def _pass_on(self, kept: Kept, besides: Peer | None = None) -> None:
        doors = [door for door in self._doors() if door is not besides]
        first = next(self._turns) % len(doors) if doors else 0
        for door in doors[first:] + doors[:first]:
            log = b"".join(kept.log)
            pieces = [log[start : start + PIECE_BYTES] for start in range(0, len(log), PIECE_BYTES)]
            messages = [DATA + NUMBER.pack(0) + piece for piece in pieces]
            if _send(door.wire, GIVE, kept.descriptor) and all(_send(door.wire, each) for each in (*messages, GIVEN)):
                return door.given.append(kept)
        kept.until = time.monotonic() + WAIT_SECONDS
        return self._waiting.append(kept)

    def _doors(self) -> list[Peer]:
        return [peer for peer in self._peers if peer.is_door]

    def _pids(self) -> bytes:
        return json.dumps([door.pid for door in self._doors()]).encode()


def _send(wire: socket.socket, data: bytes, *descriptors: int) -> bool:
    """Send one packet; return whether it left in time."""
    wire.settimeout(DOOR_SECONDS)
    try:
        socket.send_fds(wire, [data], descriptors)
    except OSError:
        return False
    return True


def connect(name: str) -> socket.socket | None:
    """Return a connection to the keeper of this name, or None if there is none of this user."""
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
    wire.settimeout(DOOR_SECONDS)
    try:
        wire.connect(address(name))
    except OSError:
        wire.close()
        return None
    if peer_of(wire)[1] != os.getuid():
        wire.close()
        return None
    return wire


def exists(name: str) -> bool:
    """Return whether there is a keeper of this name and this user."""
    wire = connect(name)
    if wire is None:
        return False
    wire.close()
    return True


def address(name: str) -> str:
    """Return the keeper's address in Linux's abstract namespace: no file stays, and no folder is too long."""
    return f"\0send-gate-keeper-{name}"


def peer_of(wire: socket.socket) -> tuple[int, int]:
    """Return process and user at the other end."""
    pid, user, _ = struct.unpack("3i", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, user


def main(listener: int, name: str) -> None:
    place = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        place.bind(address(name))
    except OSError:
        # Another keeper of this name was faster.
        return
    place.listen(64)
    Keeper(listener, place).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
