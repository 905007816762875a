"""S3-compatible storage that checks signatures, behind a proxy on which a test loses calls and answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import requests
from botocore.config import Config

from tests.outbound.site import Request, Site, reply, reset
from tests.queues import CREDENTIALS, stand_in

# S3's own bound is 5 MiB; a smaller one keeps the tests quick.
SMALLEST_PART = 2_000
REGION = CREDENTIALS["AWS_DEFAULT_REGION"]
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Storage:
    """`wire` says what happens to a call: "" nothing, a status, "reset_before", "reset_after", "forget_upload"."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.access_key, self.secret_key = access_key, secret_key
        self.client = _client("s3", endpoint, access_key, secret_key)
        self.bucket = f"outcomes-{uuid4().hex}"
        self.client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.wire: Callable[[Request], str] = lambda request: ""
        self.calls: list[str] = []
        self._forgotten: list[str] = []
        self._endpoint = endpoint
        self._site = Site(self._answer)

    @property
    def url(self) -> str:
        return self._site.uri("")

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket)
        return [each["Key"] for each in found.get("Contents", ())]

    def read(self, name: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        return body

    def open_uploads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
        return found

    def _answer(self, request: Request) -> bytes:
        query = request.path.partition("?")[2]
        self.calls.append(f"{request.method} {query}")
        fault = self.wire(request)
        if fault == "reset_before":
            return reset(request)
        if fault.isdigit():
            return reply(int(fault))
        if fault == "forget_upload":
            for upload in self.open_uploads():
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                self._forgotten.append(upload["UploadId"])
        if any(upload in query for upload in self._forgotten):
            # As S3 says it; the stand-in fails with a 500.
            return reply(404, b"<Error><Code>NoSuchUpload</Code></Error>")
        # Unchanged, with the Host that was signed.
        answer = requests.request(
            request.method, self._endpoint + request.path, data=request.body, headers=request.headers, timeout=10
        )
        if fault == "reset_after":
            return reset(request)
        kept = {
            name.replace("-", "_"): value
            for name, value in answer.headers.items()
            if name.lower().startswith(("etag", "x-amz"))
        }
        return reply(answer.status_code, answer.content, **kept)

    def close(self) -> None:
        self._site.close()
        self.client.close()


@contextmanager
def storage_server(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Start it with one account; yields its address, access key and secret key. Whoever signs wrongly is refused."""
    with stand_in(folder, S3_UPLOAD_PART_MIN_SIZE=str(SMALLEST_PART)) as endpoint:
        iam = _client("iam", endpoint, CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        iam.create_user(UserName="gate")
        iam.put_user_policy(UserName="gate", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        keys = iam.create_access_key(UserName="gate")["AccessKey"]
        iam.close()
        requests.post(f"{endpoint}/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
        yield endpoint, keys["AccessKeyId"], keys["SecretAccessKey"]


def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        config=config,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
