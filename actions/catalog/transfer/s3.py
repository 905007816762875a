"""Kind that stores the outcome of a batch as a file in S3-compatible storage."""

import re
import uuid
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.shared.http import CredentialName, Url
from actions.catalog.transfer.base import Fields, Whom
from actions.catalog.transfer.content import pieces
from actions.catalog.transfer.files import FileTransfer, Format, Name, Packed
from actions.catalog.transfer.s3_bucket import Bucket, NoSuchUpload, StorageFailure
from actions.contract import Config, Context, Retryable, gettext_noop
from actions.effect import Run, Wait

# S3 requires parts of at least 5 MiB, except the last. A failure loses one part.
PART_BYTES = 6 * 1024 * 1024
_REGION = re.compile(r"[a-z0-9-]{1,50}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise PydanticCustomError("region", "Use small letters, digits and “-”.")
    return text


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise PydanticCustomError("bucket", "A bucket’s name has 3 to 63 small letters, digits, “-” and “.”.")
    return text


class TransferS3Config(Config):
    """`{endpoint: "https://s3.eu-west-3.amazonaws.com", region: eu-west-3, bucket: outcomes, credential: storage}`"""

    endpoint: Url = Field(
        title=gettext_noop("Address of the storage"),
        description=gettext_noop(
            "Such as https://s3.eu-west-3.amazonaws.com, without the bucket. "
            "The host must be on the list of hosts that the gateway may call."
        ),
    )
    region: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_region)] = Field(
        default="us-east-1",
        title=gettext_noop("Region"),
        description=gettext_noop("As the storage’s documentation calls it, such as eu-west-3."),
    )
    bucket: Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_bucket)] = Field(
        title=gettext_noop("Bucket")
    )
    credential: Annotated[CredentialName, StringConstraints(min_length=1)] = Field(
        title=gettext_noop("Credential"),
        description=gettext_noop("Name of a credential of user and password: access key and secret key."),
    )
    name: Name = "{project}/{journey}/{sendout}/{date}-{batch}"
    format: Format = "csv"
    gzip: Packed = False
    whom: Whom = "all"
    fields: Fields = ()
    timeout: Annotated[float, Field(gt=0, le=30, allow_inf_nan=False)] = Field(
        default=20.0, title=gettext_noop("Seconds to wait for an answer")
    )


class TransferS3(FileTransfer):
    """Stores one file per batch; a long one in parts, none of which is sent twice after a kill."""

    name = "transfer_s3"
    title = gettext_noop("Transfer as a file to S3")
    description = gettext_noop(
        "After the release, stores a file in S3-compatible storage: who got the message and who did not, and why."
    )
    Config = TransferS3Config

    def work(self, run: Run, context: Context) -> Wait | None:
        config: TransferS3Config = self.config
        bucket = Bucket(
            context, config.endpoint, config.region, config.bucket, config.credential, config.timeout, run.tick
        )
        if "name" not in run.state:
            run.keep(name=self.name_for(run, context), mark=uuid.uuid4().hex, upload="", tags=[], after=-1)
        try:
            self._store(run, context, bucket)
        except NoSuchUpload:
            if bucket.mark_of(run.state["name"]) == run.state["mark"]:
                # An earlier attempt completed it, and its answer was lost.
                return None
            run.keep(upload="", tags=[], after=-1)
            raise Retryable(StorageFailure.GIVEN_UP()) from None
        return None

    def _store(self, run: Run, context: Context, bucket: Bucket) -> None:
        name, mark, content_type = run.state["name"], run.state["mark"], self.form.content_type
        for piece in pieces(run, context, self.form, after=run.state["after"], size=PART_BYTES):
            upload, tags = run.state["upload"], run.state["tags"]
            if piece.last and not upload:
                bucket.put(name, piece.body, content_type, mark)
                return
            if not upload:
                upload = bucket.begin(name, content_type, mark)
                run.keep(upload=upload)
            tag = bucket.part(name, upload, len(tags) + 1, piece.body)
            run.keep(tags=[*tags, tag], after=piece.row)
        if run.state["upload"]:
            bucket.complete(name, run.state["upload"], run.state["tags"])
