"""Kind that stores the outcome of a batch as a file on an SFTP server."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.shared.http import CredentialName, ServiceFailure
from actions.catalog.shared.signature import UnfitCredential, user_and_password
from actions.catalog.transfer.base import Fields, Whom
from actions.catalog.transfer.content import Piece, pieces
from actions.catalog.transfer.files import FileTransfer, Format, Name, Packed
from actions.catalog.transfer.sftp_upload import ResumableUpload
from actions.contract import Config, Context, Permanent, Retryable, Sentences, gettext_noop
from actions.effect import Run, Wait
from outbound.guard import Refused
from outbound.sftp import Content, Host, Login, NotUploaded, read_fingerprint

# Bytes held in memory, and passed on, at a time.
PIECE_BYTES = 256 * 1024
_BLOCK_BYTES = 32 * 1024
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9a-fA-F:]{2,45}")


class HostRefusal(Sentences):
    """Why an SFTP server did not take a file."""

    HOST_KEY = "sftp.host_key", gettext_noop("%(host)s is not the host that the fingerprint belongs to.")
    LOGIN = "sftp.login", gettext_noop("%(host)s does not know this user and password.")
    ACCESS = "sftp.access", gettext_noop("%(host)s does not let this user store a file there.")
    FOLDER = (
        "sftp.folder",
        gettext_noop("%(host)s does not let this user create a folder. Name one that exists, or none."),
    )
    RENAME = (
        "sftp.rename",
        gettext_noop("%(host)s does not let this user rename a file. Have it written under its own name."),
    )
    NOT_TAKEN = "sftp.not_taken", gettext_noop("%(host)s did not take the file (%(error)s).")


# By the word of the error.
_REFUSALS = {each.code.removeprefix("sftp."): each for each in HostRefusal if each is not HostRefusal.NOT_TAKEN}


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise PydanticCustomError("host", "Give the name of a host, such as sftp.example.com.")
    return text


def _host_key(text: str) -> str:
    try:
        read_fingerprint(text)
    except ValueError:
        raise PydanticCustomError("host_key", "Give the fingerprint as ssh-keygen -lf shows it: SHA256:…") from None
    return text


class TransferSftpConfig(Config):
    """`{host: sftp.example.com, host_key: "SHA256:…", credential: partner}`"""

    host: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_host)] = Field(
        title=gettext_noop("Host"),
        description=gettext_noop("Must be on the list of hosts that the gateway may call."),
    )
    port: Annotated[int, Field(ge=1, le=65535, strict=True)] = Field(default=22, title=gettext_noop("Port"))
    host_key: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_host_key)] = Field(
        title=gettext_noop("Fingerprint of the host’s key"),
        description=gettext_noop("As its operator tells you, SHA256:… No other host gets the password."),
    )
    credential: Annotated[CredentialName, StringConstraints(min_length=1)] = Field(
        title=gettext_noop("Credential"),
        description=gettext_noop(
            "Name of a credential of user and password. In place of the password it may hold a private key."
        ),
    )
    name: Name = "{project}/{journey}/{sendout}/{date}-{batch}"
    upload: Literal["part", "direct"] = Field(
        default="part",
        title=gettext_noop("While it is written"),
        json_schema_extra={
            "part": gettext_noop("under another name, renamed when it is whole"),
            "direct": gettext_noop("under its own name, for hosts that let nobody rename"),
        },
    )
    format: Format = "csv"
    gzip: Packed = False
    whom: Whom = "all"
    fields: Fields = ()


class TransferSftp(FileTransfer):
    """Uploads one file per batch; after an interruption or a kill it resumes."""

    name = "transfer_sftp"
    title = gettext_noop("Transfer as a file by SFTP")
    description = gettext_noop(
        "After the release, uploads a file to an SFTP server: who got the message and who did not, and why."
    )
    Config = TransferSftpConfig

    def work(self, run: Run, context: Context) -> Wait | None:
        config: TransferSftpConfig = self.config
        if "name" not in run.state:
            run.keep(name=self.name_for(run, context))
        if next(iter(run.pages(1)), None) is None:
            # No contact is included, so do not connect to the host.
            return None
        login = Login(config.host, config.port, config.host_key, *user_and_password(context, config.credential))
        host = config.host
        try:
            with Host(context.http().allow, login) as there:
                ResumableUpload(run, there, partial(self._content, run, context), config.upload == "direct").finish()
        except Refused as error:
            raise Permanent(ServiceFailure.NOT_ALLOWED(host=error.host or host, code=error.code)) from error
        except NotUploaded as error:
            if error.again:
                raise Retryable(ServiceFailure.UNREACHABLE(host=host)) from error
            if error.word == "key":
                raise Permanent(UnfitCredential.UNREADABLE_KEY(name=config.credential)) from error
            if error.word in _REFUSALS:
                raise Permanent(_REFUSALS[error.word](host=host)) from error
            raise Permanent(HostRefusal.NOT_TAKEN(host=host, error=error.word)) from error
        return None

    def _content(self, run: Run, context: Context) -> Content:
        return Content(_blocks(run, pieces(run, context, self.form, after=-1, size=PIECE_BYTES)))


def _blocks(run: Run, found: Iterable[Piece]) -> Iterator[bytes]:
    """Yield the file in blocks, and report progress for each, since a line may be slow."""
    for piece in found:
        for start in range(0, len(piece.body), _BLOCK_BYTES):
            run.tick()
            yield piece.body[start : start + _BLOCK_BYTES]
