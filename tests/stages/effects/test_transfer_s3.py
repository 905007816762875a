"""The outcome as a file in S3-compatible storage: whole or in parts, once, whatever is lost on the way or killed."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actions.catalog.transfer import content as transfer_content
from actions.catalog.transfer import s3
from actions.models import Credential
from actions.sentences import write
from sendouts.models import EffectRun, PendingEffect
from sendouts.services import credentials
from sendouts.stages import effects
from sendouts.stages.carry_out import _Whole
from tests.outbound.site import Request
from tests.stages.effect_cases import ended, follow
from tests.storage import REGION, SMALLEST_PART, Storage, storage_server
from work import claims

pytestmark = pytest.mark.xdist_group("storage")
IDS = [f"A-{row}" for row in range(100)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    with storage_server(tmp_path_factory.mktemp("storage")) as found:
        yield found


@pytest.fixture
def storage(
    server: tuple[str, str, str], db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    settings.OUTBOUND_ALLOWED_HOSTS, settings.OUTBOUND_ALLOW_HTTP = ["127.0.0.1"], True
    settings.CREDENTIALS = {}
    monkeypatch.setattr(credentials, "FRESH_SECONDS", 0.0)
    found = Storage(*server)
    Credential.objects.create(name="storage", kind="basic", user=found.access_key, secret=found.secret_key)
    yield found
    found.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small parts that a hundred contacts make several."""
    monkeypatch.setattr(s3, "PART_BYTES", SMALLEST_PART)
    monkeypatch.setattr(transfer_content, "ROWS", 10)


def begin(storage: Storage, **config: Any) -> EffectRun:
    place = {"endpoint": storage.url, "region": REGION, "bucket": storage.bucket, "credential": "storage"}
    return ended("transfer_s3", **place | config)


def transfer(storage: Storage, **config: Any) -> EffectRun:
    begin(storage, **config)
    return follow()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def the_file(storage: Storage) -> bytes:
    (name,) = storage.names()
    return storage.read(name)


def is_whole(run: EffectRun, storage: Storage) -> None:
    """Every contact is in the only file, once, in order, and nothing is left over here or there."""
    assert [row["contact_id"] for row in rows(the_file(storage))] == IDS
    assert (run.done, run.ended_at is None, run.error) == (100, False, "")
    assert not PendingEffect.objects.exists() and storage.open_uploads() == []


def once(fault: str, when: Callable[[str], bool]) -> Callable[[Request], str]:
    """A wire that fails at the first call that is meant."""
    struck: list[str] = []

    def wire(request: Request) -> str:
        if struck or not when(f"{request.method} {request.path.partition('?')[2]}"):
            return ""
        struck.append(request.path)
        return fault

    return wire


def test_a_small_outcome_is_one_file_in_one_call(storage: Storage) -> None:
    run = transfer(storage, fields=["email"], payload={"email": "c@example.com"})
    is_whole(run, storage)
    assert storage.calls == ["PUT "]
    assert re.fullmatch(rf"Newsletter/Summer/Day-1/\d{{4}}-\d\d-\d\d-{run.batch_id}-1\.csv", storage.names()[0])
    found = rows(the_file(storage))
    assert (found[0]["verdict"], found[0]["text"], found[10]["email"]) == ("rejected", "No consent", "c@example.com")
    assert {row["batch"] for row in found} == {str(run.batch_id)}


def test_a_long_outcome_is_one_file_of_several_parts(storage: Storage, small: None) -> None:
    run = transfer(storage)
    is_whole(run, storage)
    assert storage.calls[0] == "POST uploads=" and len(storage.calls) > 4
    assert run.state["tags"]


@pytest.mark.parametrize(("kind", "packed"), [("csv", True), ("ndjson", False), ("ndjson", True)])
def test_every_format_is_whole_in_parts_too(storage: Storage, small: None, kind: str, packed: bool) -> None:
    run = transfer(storage, format=kind, gzip=packed, whom="rejected")
    assert (run.done, run.left_out) == (10, 90)
    assert storage.names()[0].endswith(f".{kind}.gz" if packed else f".{kind}")
    content = gzip.decompress(the_file(storage)) if packed else the_file(storage)
    found = rows(content) if kind == "csv" else [json.loads(line) for line in content.splitlines()]
    assert [row["contact_id"] for row in found] == IDS[:10]


def test_a_packed_file_of_parts_is_one_for_every_reader(storage: Storage, small: None) -> None:
    begin(storage, gzip=True, fields=["noise"])
    for row in PendingEffect.objects.all():
        noise = "".join(f"{(row.decision_id % 2**32 + 1) * step * 2654435761 % 2**32:08x}" for step in range(1, 60))
        PendingEffect.objects.filter(decision_id=row.decision_id).update(payload=json.dumps({"noise": noise}))
    run = follow()
    assert len(run.state["tags"]) > 1
    found = rows(gzip.decompress(the_file(storage)))
    assert len({row["noise"] for row in found}) == 100 and [row["contact_id"] for row in found] == IDS


@pytest.mark.parametrize("fault", ["500", "503", "429", "reset_before", "reset_after"])
def test_a_file_in_one_call_survives_what_is_lost(storage: Storage, fault: str) -> None:
    storage.wire = once(fault, lambda call: call.startswith("PUT"))
    run = transfer(storage)
    assert run.ended_at is None and run.due_at is not None
    is_whole(follow(), storage)


@pytest.mark.parametrize("fault", ["500", "429", "reset_before", "reset_after"])
@pytest.mark.parametrize("call", ["POST uploads=", "PUT partNumber=2", "POST uploadId"])
def test_an_upload_in_parts_goes_on_where_it_was(storage: Storage, small: None, call: str, fault: str) -> None:
    storage.wire = once(fault, lambda made: made.startswith(call))
    transfer(storage)
    run = follow()
    if (call, fault) == ("POST uploads=", "reset_after"):
        # Begun there, and nobody here knows its id: the bucket's own rule clears it away.
        (left,) = storage.open_uploads()
        storage.client.abort_multipart_upload(Bucket=storage.bucket, Key=left["Key"], UploadId=left["UploadId"])
    is_whole(run, storage)
    first_parts = [made for made in storage.calls if made.startswith("PUT partNumber=1&")]
    assert len(first_parts) == 1, "what was stored is not sent again"


def test_after_a_kill_the_parts_that_were_stored_are_not_sent_again(
    storage: Storage, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = _Whole.keep
    kept: list[dict[str, Any]] = []

    def killed(whole: Any, **state: Any) -> None:
        if len(kept) == 3:
            raise SystemExit
        kept.append(state)
        keep(whole, **state)

    with monkeypatch.context() as patch:
        patch.setattr(_Whole, "keep", killed)
        with pytest.raises(SystemExit):
            transfer(storage)
    claims.drop_all(EffectRun)
    is_whole(follow(), storage)
    parts = [made.partition("&")[0] for made in storage.calls if made.startswith("PUT partNumber")]
    # The second was stored and not yet noted when the process died.
    assert parts.count("PUT partNumber=1") == 1 and parts.count("PUT partNumber=2") == 2


def test_an_upload_that_the_storage_gave_up_begins_again(storage: Storage, small: None) -> None:
    storage.wire = once("forget_upload", lambda call: call.startswith("PUT partNumber=3"))
    run = transfer(storage)
    assert write(run.error) == "The storage abandoned the upload; it begins again."
    is_whole(follow(), storage)


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"bucket": "nobody-has-this-bucket"}, "127.0.0.1 answered 404 (NoSuchBucket)."),
        ({"credential": "token"}, "The credential “token” is not a user and a password."),
        ({"credential": "another"}, "127.0.0.1 answered 403 (SignatureDoesNotMatch)."),
        ({"endpoint": "http://s3.example.com"}, "s3.example.com may not be called (host_not_listed)."),
    ],
)
def test_what_can_never_work_waits_for_a_person(storage: Storage, config: dict[str, str], error: str) -> None:
    Credential.objects.create(name="token", kind="bearer", secret="t")
    Credential.objects.create(name="another", kind="basic", user=storage.access_key, secret="another")
    run = transfer(storage, **config)
    assert (write(run.error), run.due_at, run.ended_at) == (error, None, None)
    assert effects.stuck_transfers(run.batch_id) == ["tell"] and storage.names() == []


def test_of_nobody_there_is_no_file(storage: Storage) -> None:
    run = transfer(storage, contacts=9, whom="rejected")
    assert (run.left_out, run.ended_at is None, storage.names()) == (9, False, [])


def test_while_a_long_part_leaves_nobody_else_begins_it(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    held_on: list[int] = []
    monkeypatch.setattr(claims.Claim, "keep", lambda claim: held_on.append(len(storage.calls)))
    transfer(storage, contacts=5_000)
    (content,) = [storage.read(name) for name in storage.names()]
    assert len(content) > 200_000 and held_on.count(0) > len(content) / 32_768
