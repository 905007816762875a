"""S3-compatible storage over the guarded session: requests signed by AWS's rules, for one object at a time.

https://docs.aws.amazon.com/AmazonS3/latest/API/mpuoverview.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from actions.catalog.shared.http import ServiceAnswer, ServiceFailure, Watched, send
from actions.catalog.shared.signature import user_and_password
from actions.contract import Context, Permanent, Retryable, Sentences, gettext_noop

# Our metadata that marks an object as ours.
_MARK = "x-amz-meta-send-gate"
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")
_UPLOAD = re.compile(rb"<UploadId>([^<]{1,1024})</UploadId>")


class StorageFailure(Sentences):
    """Why a storage did not take a file."""

    NOT_S3 = "s3.not_s3", gettext_noop("%(host)s did not answer as S3 does.")
    ANSWERED = "s3.answered", gettext_noop("%(host)s answered %(status)s (%(code)s).")
    GIVEN_UP = "s3.given_up", gettext_noop("The storage abandoned the upload; it begins again.")


class NoSuchUpload(Exception):
    """The storage does not know this upload: it was completed or aborted."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket, by path: https://storage.example.com/bucket/key. `credential` contains access key and secret key.

    `tick` is called while a body is sent.
    """

    context: Context
    endpoint: str
    region: str
    name: str
    credential: str
    timeout: float
    tick: Callable[[], None]

    def put(self, key: str, body: bytes, content_type: str, mark: str) -> None:
        """Store a whole object, replacing one of this name."""
        self._done(self._call("PUT", key, body=body, headers={"Content-Type": content_type, _MARK: mark}))

    def begin(self, key: str, content_type: str, mark: str) -> str:
        """Start an upload in parts; return its id. The object exists only after completion."""
        answer = self._call("POST", key, "uploads=", headers={"Content-Type": content_type, _MARK: mark})
        found = _UPLOAD.search(self._done(answer).body)
        if found is None:
            raise Permanent(StorageFailure.NOT_S3(host=answer.host))
        return found[1].decode()

    def part(self, key: str, upload: str, number: int, body: bytes) -> str:
        """Store one part, 5 MiB or more unless it is the last; return its tag. A repeated part replaces the first."""
        answer = self._done(self._call("PUT", key, f"partNumber={number}&{_upload(upload)}", body=body))
        tag = answer.headers.get("ETag")
        if not tag:
            raise Permanent(StorageFailure.NOT_S3(host=answer.host))
        return tag

    def complete(self, key: str, upload: str, tags: Sequence[str]) -> None:
        """Assemble the object from its parts."""
        parts = (
            f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(tag)}</ETag></Part>" for n, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        answer = self._done(self._call("POST", key, _upload(upload), body=body))
        # S3 may send 200 while it works, and report the failure in the body.
        if b"<Error>" in answer.body:
            raise Retryable(_sentence(answer))

    def mark_of(self, key: str) -> str:
        """Return the mark of the object of this name; "" if there is none."""
        answer = self._call("HEAD", key)
        return "" if answer.status == 404 else self._done(answer).headers.get(_MARK, "")

    def _done(self, answer: ServiceAnswer) -> ServiceAnswer:
        if answer.status == 404 and b"NoSuchUpload" in answer.body:
            raise NoSuchUpload
        if not answer.is_done:
            raise Permanent(_sentence(answer))
        return answer

    def _call(
        self, method: str, key: str, query: str = "", *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceAnswer:
        # Quoted so that no library rewrites it: the sent URL must equal the signed one.
        url = f"{self.endpoint.rstrip('/')}/{self.name}/{quote(key, safe='/-_.~')}" + (f"?{query}" if query else "")
        signed = self._signed(method, url, body, headers or {})
        # Without a body there is no progress to report, and requests would announce an empty stream.
        watched = Watched(body, self.tick) if body else b""
        return send(self.context, method, url, watched, signed, timeout=self.timeout)

    def _signed(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        # Imported here, since it takes ten megabytes of memory: only processes that send files need it.
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        access, secret = user_and_password(self.context, self.credential)
        request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
        S3SigV4Auth(Credentials(access, secret), "s3", self.region).add_auth(request)
        return dict(request.headers.items())


def _upload(upload: str) -> str:
    return f"uploadId={quote(upload, safe='-_.~')}"


def _sentence(answer: ServiceAnswer) -> str:
    code = _CODE.search(answer.body)
    if code is None:
        return ServiceFailure.ANSWERED(host=answer.host, code=answer.status)
    return StorageFailure.ANSWERED(host=answer.host, status=answer.status, code=code[1].decode())
