"""Files laid down on SFTP servers, through libcurl and the guard: under another name first, and renamed when they are whole."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pycurl

from outbound.guard import AllowList, Refused, Target, address_allowed
from outbound.transfer import Opened

_FINGERPRINT = re.compile(r"(?:SHA256:)?([A-Za-z0-9+/]{43})=?")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
# Below a byte a second for this long, nobody is there any more.
STALLED_SECONDS = 30
CONNECT_SECONDS = 10
_AGAIN = frozenset({
    pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_CONNECT, pycurl.E_OPERATION_TIMEDOUT, pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_REMOTE_DISK_FULL, pycurl.E_SSH,
})  # fmt: skip


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


class _Upload:
    """One handle with what its callbacks need. libcurl drops what they raise: it is kept here."""

    def __init__(self, target: Target, body: Iterator[bytes]) -> None:
        self.target = target
        self.refused = self.dialled = False
        self.fault: BaseException | None = None
        self._body = body
        self._rest = b""

    def open_socket(self, purpose: int, address: tuple[int, int, int, tuple[str | bytes, ...]]) -> socket.socket | int:
        try:
            family, kind, protocol, endpoint = address
            ip = endpoint[0].decode() if isinstance(endpoint[0], bytes) else endpoint[0]
            if family not in (socket.AF_INET, socket.AF_INET6) or not address_allowed(ip, self.target):
                self.refused = True
                return pycurl.SOCKET_BAD
            self.dialled = True
            return Opened(family, kind, protocol)
        except BaseException as fault:
            self.fault = fault
            return pycurl.SOCKET_BAD

    def read(self, size: int) -> bytes | int:
        try:
            while not self._rest:
                piece = next(self._body, None)
                if piece is None:
                    return b""
                self._rest = piece
            block, self._rest = self._rest[:size], self._rest[size:]
            return block
        except BaseException as fault:
            self.fault = fault
            aborted: int = pycurl.READFUNC_ABORT
            return aborted


def lay_down(allow: AllowList, login: Login, path: str, body: Iterator[bytes]) -> None:
    """Store a file below the user's home; one of this name is replaced once the new one is whole.

    Raises Refused, NotStored, and what `body` raises.
    """
    if not _PATH.fullmatch(path):
        raise ValueError("not a path of plain names")
    # The list knows hosts and ports, not protocols: what is encrypted is treated alike.
    target = allow.check_host("https", login.host, login.port)
    upload = _Upload(target, body)
    handle = pycurl.Curl()
    try:
        _prepare(handle, upload, login, path)
        handle.perform()
    except pycurl.error as error:
        if upload.fault is not None:
            raise upload.fault from None
        if upload.refused and not upload.dialled:
            raise Refused("private_address", target.host) from None
        # libcurl's text may hold the path.
        raise NotStored(_word(error.args[0]), error.args[0] in _AGAIN) from None
    finally:
        handle.close()


def _prepare(handle: pycurl.Curl, upload: _Upload, login: Login, path: str) -> None:
    host = f"[{upload.target.host}]" if ":" in upload.target.host else upload.target.host
    home = f"/~/{path}"
    handle.setopt(pycurl.URL, f"sftp://{host}:{login.port}{home}.part".encode())
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
    handle.setopt(pycurl.OPENSOCKETFUNCTION, upload.open_socket)
    handle.setopt(pycurl.UPLOAD, 1)
    handle.setopt(pycurl.READFUNCTION, upload.read)
    handle.setopt(pycurl.FTP_CREATE_MISSING_DIRS, 1)
    # Many servers rename onto nothing only. The asterisk: it may not be there.
    handle.setopt(pycurl.POSTQUOTE, [f"*rm {home}".encode(), f"rename {home}.part {home}".encode()])


def _word(code: int) -> str:
    return {
        pycurl.E_PEER_FAILED_VERIFICATION: "host_key",
        pycurl.E_LOGIN_DENIED: "login",
        pycurl.E_REMOTE_ACCESS_DENIED: "access",
        pycurl.E_QUOTE_ERROR: "access",
        pycurl.E_REMOTE_DISK_FULL: "disk",
    }.get(code, "connection" if code in _AGAIN else f"code {code}")
