"""Uploads to SFTP servers over a guarded socket; a stored file can be compared and continued.

asyncssh is imported when a file is sent: it costs 26 MB, which other processes do not need.
"""

import asyncio
import hashlib
import logging
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from outbound.guard import AllowList, Refused, address_allowed

# Its default level logs every login, with host and user.
logging.getLogger("asyncssh").setLevel(logging.WARNING)

_FINGERPRINT = re.compile(r"(?:SHA256:)?([A-Za-z0-9+/]{43})=?")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
_KEY = re.compile(r"(-----BEGIN [A-Z ]+-----)(.+)(-----END [A-Z ]+-----)", re.DOTALL)
# After this time without an answer the server counts as gone.
STALLED_SECONDS = 30
CONNECT_SECONDS, _CLOSE_SECONDS = 10, 5
_BLOCK_BYTES = 32 * 1024
_BLOCKS = 8  # written without waiting for the answer to the first
# A server with several keys shows the first that it has in this order. Its fingerprint may be that of another key.
_KEY_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    # The last one is for very old servers: the fingerprint still proves the key's owner.
    ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
)
_GONE = frozenset({"connection", "stalled"})


class NotUploaded(Exception):
    """The file was not uploaded. `word` says why, `again` whether a retry makes sense."""

    def __init__(self, word: str, again: bool) -> None:
        super().__init__(word)
        self.word = word
        self.again = again


@dataclass(frozen=True, slots=True)
class Login:
    """Server and credentials. `host_key` is the server's fingerprint, SHA256:…; no other server gets our credentials.

    `secret` is a password, or a private key without passphrase; the line ends of the key may be missing.
    """

    host: str
    port: int
    host_key: str
    user: str
    secret: str = field(repr=False)


def read_fingerprint(text: str) -> str:
    """Return the 43 characters of a fingerprint as ssh-keygen shows it; raise ValueError."""
    found = _FINGERPRINT.fullmatch(text)
    if found is None:
        raise ValueError("not a SHA-256 fingerprint")
    return found[1]


class Content:
    """The content to store, read once from the beginning. `digest` covers the `position` bytes read so far."""

    def __init__(self, body: Iterator[bytes]) -> None:
        self.position = 0
        self._body = body
        self._rest = b""
        self._read = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._read.hexdigest()

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
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
        """Skip this many bytes; return False if the file ends before."""
        while size > 0 and (block := self.read(size)):
            size -= len(block)
        return size == 0

    def begins_with(self, found: bytes) -> bool:
        """Read as many bytes as `found` has, and return whether they are equal."""
        while found and (block := self.read(len(found))):
            if not found.startswith(block):
                return False
            found = found[len(block) :]
        return not found


class Host:
    """A user's home on an SFTP server, over one connection. Paths are plain names below it.

    Entering and every method raise Refused, NotUploaded, and the errors of reading the content. The content is read
    between the steps of the event loop, never in it, since it may query the database.
    """

    def __init__(self, allow: AllowList, login: Login) -> None:
        # The allow-list has hosts and ports, not protocols: check encrypted protocols alike.
        self._target = allow.check_host("https", login.host, login.port)
        self._login = login
        self._runner = asyncio.Runner()
        self._connection: Any = None
        self._files: Any = None

    def __enter__(self) -> Self:
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._runner.run(self._leave())
        self._runner.close()

    def put(self, path: str, content: Content) -> None:
        """Write the rest of the content: from the beginning, or after the bytes that the server already has."""
        file = self._open(path, content.position)
        ended = False
        while not ended:
            blocks: list[tuple[int, bytes]] = []
            while len(blocks) < _BLOCKS and not ended:
                place = content.position
                block = content.read(_BLOCK_BYTES)
                ended = not block
                blocks.append((place, block))
            self._run(self._write(file, blocks), STALLED_SECONDS * _BLOCKS)
        self._run(file.close())

    def continues(self, path: str, content: Content) -> bool:
        """Return whether the server's file continues with the next content; read the content that far.

        Return False too if the file is shorter, or cannot be read: no such file, no right to read.
        """
        try:
            size = int(self._run(self._files.stat(_plain(path))).size or 0)
            if size > content.position:
                self._compare(path, content)
        except NotUploaded as error:
            if error.word in _GONE:
                raise
            return False
        return size >= content.position

    def _compare(self, path: str, content: Content) -> None:
        file = self._run(self._files.open(_plain(path), "rb"))
        while found := self._run(file.read(_BLOCKS * _BLOCK_BYTES, content.position)):
            if not content.begins_with(found):
                raise NotUploaded("differs", False)
        self._run(file.close())

    def rename(self, path: str, to: str) -> None:
        """Rename a file over any of that name. If the server cannot rename, remove the file and raise NotUploaded."""
        # Many servers rename only to a name that does not exist.
        self.remove(to)
        try:
            self._run(self._files.rename(_plain(path), _plain(to)))
        except NotUploaded as error:
            if error.word in _GONE:
                raise
            self.remove(path)
            raise NotUploaded("rename", False) from None

    def remove(self, path: str) -> None:
        """Remove a file, if it exists and may be removed."""
        try:
            self._run(self._files.remove(_plain(path)))
        except NotUploaded as error:
            if error.word in _GONE:
                raise

    def _open(self, path: str, position: int) -> Any:
        import asyncssh

        flags = asyncssh.FXF_WRITE | (0 if position else asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC)
        try:
            return self._run(self._files.open(_plain(path), flags, encoding=None))
        except NotUploaded as error:
            if position or error.word != "missing":
                raise
        self._make_folders(path)
        return self._run(self._files.open(_plain(path), flags, encoding=None))

    def _make_folders(self, path: str) -> None:
        names = path.split("/")[:-1]
        for folder in ("/".join(names[:count]) for count in range(1, len(names) + 1)):
            try:
                self._run(self._files.mkdir(folder))
            except NotUploaded as error:
                if error.word in _GONE:
                    raise
                # The folder exists already, or may not be made.
                if not self._run(self._files.isdir(folder)):
                    raise NotUploaded("folder", False) from None

    async def _write(self, file: Any, blocks: list[tuple[int, bytes]]) -> None:
        tasks = [asyncio.ensure_future(file.write(block, place)) for place, block in blocks if block]
        try:
            for task in tasks:
                await asyncio.wait_for(task, STALLED_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _connect(self) -> None:
        proof = self._proof()
        for first in _KEY_KINDS:
            # Append the other kinds: a server that has no key of the listed kinds would hang up.
            kinds = first + tuple(kind for other in _KEY_KINDS if other != first for kind in other)
            try:
                self._connection = self._run(self._log_in(self._dial(), kinds, proof))
                break
            except NotUploaded as error:
                if error.word != "host_key":
                    raise
        else:
            raise NotUploaded("host_key", False)
        self._files = self._run(self._connection.start_sftp_client())

    def _dial(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        except OSError:
            raise NotUploaded("connection", True) from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in addresses if address_allowed(address, self._target)]
        if not allowed:
            raise Refused("private_address", self._target.host)
        for address in allowed:
            # Dial the address that was checked: a second look-up could return another one.
            with suppress(OSError):
                return socket.create_connection((address, self._target.port), CONNECT_SECONDS)
        raise NotUploaded("connection", True)

    async def _log_in(self, wire: socket.socket, kinds: tuple[str, ...], proof: dict[str, Any]) -> Any:
        import asyncssh

        wanted = f"SHA256:{read_fingerprint(self._login.host_key)}"

        class Client(asyncssh.SSHClient):
            def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
                return key.get_fingerprint("sha256") == wanted

        # Use nothing of this machine: no configuration, keys, agent or known hosts.
        return await asyncssh.connect(
            self._target.host,
            self._target.port,
            sock=wire,
            config=None,
            client_factory=Client,
            known_hosts=([], [], []),
            server_host_key_algs=kinds,
            username=self._login.user,
            agent_path=None,
            gss_host=None,
            x509_trusted_certs=None,
            **proof,
        )

    def _proof(self) -> dict[str, Any]:
        import asyncssh

        secret = self._login.secret
        if not secret.startswith("-----BEGIN "):
            return {"password": secret, "client_keys": None, "preferred_auth": "password,keyboard-interactive"}
        # A single-line form field removes line ends.
        text = _KEY.sub(lambda found: f"{found[1]}\n{''.join(found[2].split())}\n{found[3]}\n", secret.strip())
        try:
            key = asyncssh.import_private_key(text)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise NotUploaded("key", False) from None
        return {"client_keys": [key], "preferred_auth": "publickey"}

    async def _leave(self) -> None:
        self._connection.close()
        try:
            await asyncio.wait_for(self._connection.wait_closed(), _CLOSE_SECONDS)
        except TimeoutError:
            self._connection.abort()
            await self._connection.wait_closed()

    def _run(self, step: Any, seconds: float | None = None) -> Any:
        """Run one step with a time-out; raise NotUploaded without the library's text, which may show the path."""

        async def bounded() -> Any:
            return await asyncio.wait_for(step, seconds or STALLED_SECONDS)

        try:
            return self._runner.run(bounded())
        except NotUploaded:
            raise
        except Exception as error:
            raise _as_not_uploaded(error) from None


def _plain(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError("not a path of plain names")
    return path


def _as_not_uploaded(error: Exception) -> NotUploaded:
    import asyncssh

    if isinstance(error, TimeoutError):
        return NotUploaded("stalled", True)
    words: dict[str, tuple[type[Exception], ...]] = {
        "host_key": (asyncssh.HostKeyNotVerifiable,),
        "no_common_algorithm": (asyncssh.KeyExchangeFailed,),
        "login": (asyncssh.PermissionDenied,),
        "missing": (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath),
        "access": (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.SFTPOpUnsupported),
        "no_sftp": (asyncssh.ChannelOpenError,),
    }
    for word, kinds in words.items():
        if isinstance(error, kinds):
            return NotUploaded(word, False)
    if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return NotUploaded("disk", True)
    if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
        return NotUploaded("connection", True)
    if isinstance(error, asyncssh.SFTPError):
        return NotUploaded("failure", True)
    if isinstance(error, asyncssh.Error | OSError):
        return NotUploaded("connection", True)
    raise error
