"""Files laid down on SFTP servers, through libcurl and the guard; what stands there can be compared, and continued."""

import hashlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import pycurl

from outbound.guard import AllowList, Refused, address_allowed
from outbound.transfer import Opened

_FINGERPRINT = re.compile(r"(?:SHA256:)?([A-Za-z0-9+/]{43})=?")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
# Below a byte a second for this long, nobody is there any more.
STALLED_SECONDS = 30
CONNECT_SECONDS = 10
_AGAIN = frozenset(
    {
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_OPERATION_TIMEDOUT,
        pycurl.E_SEND_ERROR,
        pycurl.E_RECV_ERROR,
        pycurl.E_GOT_NOTHING,
        pycurl.E_REMOTE_DISK_FULL,
        pycurl.E_SSH,
    }
)


class NotStored(Exception):
    """The file was not laid down. `word` says why, `again` whether it may be tried again."""

    def __init__(self, word: str, again: bool) -> None:
        super().__init__(word)
        self.word = word
        self.again = again


@dataclass(frozen=True, slots=True)
class Login:
    """Where to, and as whom. `host_key` is the server's fingerprint, SHA256:…; no other server gets the password."""

    host: str
    port: int
    host_key: str
    user: str
    password: str = field(repr=False)


def read_fingerprint(text: str) -> str:
    """The 43 characters of a fingerprint as ssh-keygen shows it; ValueError."""
    found = _FINGERPRINT.fullmatch(text)
    if found is None:
        raise ValueError("not a SHA-256 fingerprint")
    return found[1]


class Content:
    """A file as it is to be: read once, from its beginning. `position` bytes of it are read, and `digest` is of those."""

    def __init__(self, body: Iterator[bytes]) -> None:
        self.position = 0
        self._body = body
        self._rest = b""
        self._read = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._read.hexdigest()

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while not self._rest:
            piece = next(self._body, None)
            if piece is None:
                return b""
            self._rest = piece
        block, self._rest = self._rest[:size], self._rest[size:]
        self.position += len(block)
        self._read.update(block)
        return block

    def skip(self, size: int) -> bool:
        """Go on by so many bytes; False where the file ends before."""
        while size > 0 and (block := self.read(size)):
            size -= len(block)
        return size == 0

    def begins_with(self, found: bytes) -> bool:
        """Read as many bytes, and say whether they are these."""
        while found and (block := self.read(len(found))):
            if not found.startswith(block):
                return False
            found = found[len(block) :]
        return not found


class Host:
    """A user's home on an SFTP server, over one connection. Paths are plain names below it.

    Every verb raises Refused, NotStored, and what reading the content raises.
    """

    def __init__(self, allow: AllowList, login: Login) -> None:
        # The list knows hosts and ports, not protocols: what is encrypted is treated alike.
        self._target = allow.check_host("https", login.host, login.port)
        self._login = login
        self._handle = pycurl.Curl()
        self._refused = self._dialled = False
        # libcurl drops what callbacks raise: it is kept here.
        self._fault: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._handle.close()

    def put(self, path: str, content: Content) -> None:
        """Write what is left of the content: from the beginning, or after the bytes that stand there already."""
        self._prepare(path)
        self._handle.setopt(pycurl.UPLOAD, 1)
        self._handle.setopt(pycurl.READFUNCTION, partial(self._next, content))
        self._handle.setopt(pycurl.FTP_CREATE_MISSING_DIRS, 1)
        # Each write names its place. Older libcurl opens the file for appending besides, which comes to the same.
        self._handle.setopt(pycurl.RESUME_FROM_LARGE, content.position)
        # It would else read from the beginning, to pass over what it need not send.
        self._handle.setopt(pycurl.SEEKFUNCTION, lambda offset, origin: pycurl.SEEKFUNC_OK)
        self._perform()

    def continues(self, path: str, content: Content) -> bool:
        """Whether what stands there after the content's position is what comes next in it; the content is read so far.

        False as well of a shorter one, and where nothing can be read: no such file, no right to read.
        """
        try:
            size = self._size(path)
            if size > content.position:
                self._compare(path, content)
        except NotStored as error:
            if error.word in ("differs", "missing", "access"):
                return False
            raise
        return size >= content.position

    def _size(self, path: str) -> int:
        self._prepare(path)
        self._handle.setopt(pycurl.NOBODY, 1)
        # It is asked for what is known of the file with its time only.
        self._handle.setopt(pycurl.OPT_FILETIME, 1)
        self._perform()
        return int(self._handle.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T))

    def _compare(self, path: str, content: Content) -> None:
        def compare(found: bytes) -> int:
            try:
                if not content.begins_with(found):
                    self._fault = NotStored("differs", False)
            except BaseException as fault:
                self._fault = fault
            return 0 if self._fault else len(found)

        self._prepare(path)
        self._handle.setopt(pycurl.RESUME_FROM_LARGE, content.position)
        self._handle.setopt(pycurl.WRITEFUNCTION, compare)
        self._perform()

    def rename(self, path: str, to: str) -> None:
        """Give a file its name; one of this name is replaced."""
        # Many servers rename onto nothing only. The asterisk: it may not be there.
        self._command(f"*rm {_home(to)}", f"rename {_home(path)} {_home(to)}")

    def remove(self, path: str) -> None:
        """Take a file away, if it is there."""
        self._command(f"*rm {_home(path)}")

    def _command(self, *lines: str) -> None:
        self._prepare("")
        self._handle.setopt(pycurl.NOBODY, 1)
        self._handle.setopt(pycurl.QUOTE, [line.encode() for line in lines])
        self._perform()

    def _prepare(self, path: str) -> None:
        handle, login = self._handle, self._login
        host = f"[{self._target.host}]" if ":" in self._target.host else self._target.host
        handle.reset()
        handle.setopt(pycurl.URL, f"sftp://{host}:{login.port}{_home(path)}".encode())
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_SFTP)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT_SECONDS)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, STALLED_SECONDS)
        handle.setopt(pycurl.SSH_HOST_PUBLIC_KEY_SHA256, read_fingerprint(login.host_key))
        handle.setopt(pycurl.SSH_AUTH_TYPES, pycurl.SSH_AUTH_PASSWORD | pycurl.SSH_AUTH_KEYBOARD)
        handle.setopt(pycurl.USERNAME, login.user.encode())
        handle.setopt(pycurl.PASSWORD, login.password.encode())
        handle.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def _perform(self) -> None:
        try:
            self._handle.perform()
        except pycurl.error as error:
            if (fault := self._fault) is not None:
                self._fault = None
                raise fault from None
            if self._refused and not self._dialled:
                raise Refused("private_address", self._target.host) from None
            # libcurl's text may hold the path.
            raise NotStored(_word(error.args[0]), error.args[0] in _AGAIN) from None

    def _open_socket(self, purpose: int, address: tuple[int, int, int, tuple[str | bytes, ...]]) -> socket.socket | int:
        try:
            family, kind, protocol, endpoint = address
            ip = endpoint[0].decode() if isinstance(endpoint[0], bytes) else endpoint[0]
            if family not in (socket.AF_INET, socket.AF_INET6) or not address_allowed(ip, self._target):
                self._refused = True
                return pycurl.SOCKET_BAD
            self._dialled = True
            return Opened(family, kind, protocol)
        except BaseException as fault:
            self._fault = fault
            return pycurl.SOCKET_BAD

    def _next(self, content: Content, size: int) -> bytes | int:
        try:
            return content.read(size)
        except BaseException as fault:
            self._fault = fault
            aborted: int = pycurl.READFUNC_ABORT
            return aborted


def _home(path: str) -> str:
    if path and not _PATH.fullmatch(path):
        raise ValueError("not a path of plain names")
    return f"/~/{path}"


def _word(code: int) -> str:
    return {
        pycurl.E_PEER_FAILED_VERIFICATION: "host_key",
        pycurl.E_LOGIN_DENIED: "login",
        pycurl.E_REMOTE_ACCESS_DENIED: "access",
        pycurl.E_QUOTE_ERROR: "access",
        pycurl.E_REMOTE_FILE_NOT_FOUND: "missing",
        pycurl.E_OPERATION_TIMEDOUT: "stalled",
        pycurl.E_REMOTE_DISK_FULL: "disk",
    }.get(code, "connection" if code in _AGAIN else f"code {code}")
