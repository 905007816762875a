"""Contact files of a gateway on several hosts: in S3-compatible storage, which may be away for a while."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from notices.alarms import progress
from sendouts.models import Batch, Spool
from sendouts.spool import bucket, offers, spooled
from sendouts.spool.bucket import BucketStore, StorageAway
from sendouts.stages.screening import download
from sendouts.verbs import Accept, RunAgain
from sendouts.wording.batch_sentences import attention
from tests import storage as checking
from tests.buckets import Storage
from tests.factories import user_in
from tests.gate import Gate, carry_out, reviewer
from tests.lanes import download_files
from tests.outbound.site import Request, reply
from tests.stages.spool_places import InStorage, place, small_blocks
from tests.stages.test_spool import Files, kept, planned
from tests.storage import storage_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def files() -> Iterator[Files]:
    made = Files()
    with closing(made.site):
        yield made


@pytest.fixture(autouse=True)
def kept_in(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InStorage]:
    with place("storage", settings, tmp_path, monkeypatch) as found:
        assert isinstance(found, InStorage)
        yield found
        found.storage.back()


def puts(kept_in: InStorage) -> list[str]:
    return kept_in.storage.calls("PUT")


def fails(method: str, times: int, fault: str = "503") -> Callable[[Request], str]:
    """Lose so many calls of a method; the client itself calls twice."""
    left = [times]

    def wire(request: Request) -> str:
        if request.method != method or not left[0]:
            return ""
        left[0] -= 1
        return fault

    return wire


def test_a_file_is_stored_in_segments_and_listed_seldom(
    gate: Gate, files: Files, kept_in: InStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    made = planned(gate, files, review="always")
    gate.store(*(files.hook(str(number)) for number in range(3)))
    gate.work()
    assert kept(made) == files.rows and len(kept_in.tokens()) == 4 and len(set(puts(kept_in))) > 20
    assert len(puts(kept_in)) == len(set(puts(kept_in))) and kept_in.storage.lists() == 1


def kill(made: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Download, and end before it is stored how the download ended, with what the process holds."""

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(download, "_end", die)
        dying.setattr(bucket.SegmentWriter, "close", lambda self: None)
        with pytest.raises(KeyboardInterrupt):
            download_files([made.pk])


def test_a_killed_download_goes_on_behind_its_last_whole_segment(
    gate: Gate, files: Files, kept_in: InStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    made = planned(gate, files, review="always")
    stored: list[int] = []

    def rest(request: Request) -> bytes:
        stored.append(int(request.headers["Range"][6:-1]))
        return files.rest(request, stored[0])

    files.in_turn(lambda _: files.cut(10_500), rest)

    kill(made, monkeypatch)
    before = set(kept_in.storage.objects)
    gate.work()
    assert kept(made) == files.rows and gate.batch().status == "in_review" and len(files.gets) == 2
    assert 8_000 < stored[0] < 10_500 and before < set(kept_in.storage.objects)


def test_behind_a_damaged_segment_nothing_is_written(
    gate: Gate, files: Files, kept_in: InStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    made = planned(gate, files, review="always")

    def again(request: Request) -> bytes:
        at = request.headers.get("Range", "")[6:-1]
        return files.rest(request, int(at)) if at else files.whole()

    files.in_turn(lambda _: files.cut(10_500), again)
    kill(made, monkeypatch)
    last = max(kept_in.storage.objects)
    kept_in.storage.objects[last] = kept_in.storage.objects[last][:-1] + b"?"
    gate.work()
    assert kept(made) == files.rows and gate.batch().status == "in_review"
    assert len(files.gets) == 2 and len(kept_in.tokens()) == 1


@pytest.mark.parametrize("fault", ["503", "403", "reset"])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_storage_that_is_away_for_a_while_costs_no_download(
    gate: Gate, files: Files, kept_in: InStorage, method: str, fault: str
) -> None:
    made = planned(gate, files, review="always")
    kept_in.storage.wire = fails(method, 4, fault)
    gate.work(rounds=4)
    assert (Spool.objects.get().state, gate.batch().status, gate.batch().attention) == ("complete", "in_review", "")
    assert kept(made) == files.rows and gate.batch().total == 300
    assert list(progress.spool_full(timezone.now())) == []


def test_a_storage_that_stays_away_leaves_the_file_to_screening_and_people_are_told(
    gate: Gate, files: Files, kept_in: InStorage
) -> None:
    planned(gate, files, review="always")
    kept_in.storage.away()
    with structlog.testing.capture_logs() as logs:
        gate.work(rounds=download.STORAGE_TRIES + 1)
    assert (Spool.objects.get().state, gate.batch().status, gate.batch().total) == ("streamed", "in_review", 300)
    assert [found.data for found in progress.spool_full(timezone.now())] == [{"batches": 1}]
    told = [entry for entry in logs if entry["event"] == "spool_away"]
    assert len(told) == download.STORAGE_TRIES and told[0]["code"] == "SlowDown"
    assert not any(secret in str(entry) for entry in logs for secret in (kept_in.prefix, "127.0.0.1", "spool/"))
    carry_out(Accept(), gate.batch(), reviewer())
    gate.work()
    assert gate.batch().status == "finished" and not Spool.objects.exists()


def screened_again(gate: Gate, files: Files, kept_in: InStorage) -> Batch:
    """A batch that waits for screening, whose file is in a storage that is away."""
    made = planned(gate, files, review="always")
    gate.work()
    kept_in.storage.away()
    carry_out(RunAgain(), gate.batch(), reviewer())
    return made


def test_screening_waits_for_a_storage_that_is_away_and_says_so(gate: Gate, files: Files, kept_in: InStorage) -> None:
    screened_again(gate, files, kept_in)
    gate.work(rounds=5)
    found = gate.batch()
    assert (found.status, found.attention, len(files.gets)) == ("planned", "no_download", 1)
    with translation.override("en"):
        assert "storage for contact files does not answer" in attention(found) and found.due_at is not None
    kept_in.storage.back()
    gate.work()
    found = gate.batch()
    assert (found.status, found.total, found.attention, len(files.gets)) == ("in_review", 300, "", 1)


def test_a_storage_that_stays_away_is_gone_round_and_its_file_still_kept(
    gate: Gate, files: Files, kept_in: InStorage
) -> None:
    made = screened_again(gate, files, kept_in)
    files.in_turn(lambda _: reply(503), lambda _: files.whole())
    gate.work(rounds=download.STORAGE_TRIES)
    assert (gate.batch().attention_data, len(files.gets)) == ({"code": "storage_away"}, 2)
    gate.work()
    found = gate.batch()
    assert (found.status, found.total, found.attention, len(files.gets)) == ("in_review", 300, "", 3)
    kept_in.storage.back()
    assert kept(made) == files.rows


def test_a_file_that_a_person_sent_is_waited_for_since_the_platform_has_another(
    gate: Gate, files: Files, kept_in: InStorage
) -> None:
    made = planned(gate, files, review="always")
    gate.work()
    spooled.replace(made.pk, [files.rows[: files.rows.index(b"\n") + 1]], {})
    kept_in.storage.away()
    carry_out(RunAgain(), gate.batch(), reviewer())
    gate.work(rounds=download.STORAGE_TRIES + 2)
    assert (gate.batch().status, len(files.gets)) == ("planned", 1)
    kept_in.storage.back()
    gate.work()
    assert (gate.batch().status, gate.batch().total, len(files.gets)) == ("in_review", 1, 1)


def test_a_batch_ends_while_the_storage_is_away_and_its_file_goes_later(
    gate: Gate, files: Files, kept_in: InStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    monkeypatch.setattr(spooled, "ORPHAN_SECONDS", -1.0)
    planned(gate, files, review="always")
    gate.work()
    kept_in.storage.away()
    carry_out(Accept(), gate.batch(), reviewer())
    gate.work()
    assert gate.batch().status == "finished" and not Spool.objects.exists() and kept_in.tokens()
    assert spooled.remove_orphans() == 0
    kept_in.storage.back()
    kept_in.storage.page = 3
    foreign = {f"{kept_in.prefix}/{name}": b"not ours" for name in ("readme", f"{'0' * 32}/other", f"{'a' * 32}")}
    kept_in.storage.objects |= foreign
    assert spooled.remove_orphans() == 1
    kept_in.storage.page = 1_000
    left = {key for key in kept_in.storage.objects if key.startswith(kept_in.prefix)}
    assert left == set(foreign)


def test_an_error_of_the_storage_names_neither_place_nor_key(kept_in: InStorage, settings: Any) -> None:
    kept_in.storage.away("403")
    found = BucketStore("s3://private-bucket/private-prefix", settings.AWS_ENDPOINT_URL_S3, 10**9)
    with pytest.raises(StorageAway) as raised:
        found.get(bucket.segment_name("0" * 32, 0, 0))
    assert raised.value.code == "SlowDown" and raised.value.__cause__ is raised.value.__context__ is None
    assert "private" not in repr(raised.value) + str(raised.value)


def test_a_storage_that_failed_is_not_called_at_once_again(
    kept_in: InStorage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "AWAY", 1_000.0)
    kept_in.storage.away()
    found = BucketStore("s3://spool/once", settings.AWS_ENDPOINT_URL_S3, 10**9)
    for _ in range(20):
        with pytest.raises(StorageAway):
            found.has_room()
    assert len(kept_in.storage.calls()) == 2


def test_offered_pieces_are_kept_there_and_a_lost_one_comes_again(gate: Gate, files: Files, kept_in: InStorage) -> None:
    made = planned(gate, files, review="always")
    gate.work()
    half, size = 5_000, len(files.rows)
    key = offers.begin(made.pk, name="whole.json", size=size, by="someone", now=timezone.now())
    assert not offers.append(made.pk, key, 0, files.rows[:half])
    kept_in.storage.away()
    with pytest.raises(StorageAway):
        offers.append(made.pk, key, half, files.rows[half:])
    with pytest.raises(StorageAway), offers.open_offer(Spool.objects.get()) as found:
        next(found.blocks())
    kept_in.storage.back()
    assert offers.append(made.pk, key, half, files.rows[half:])
    download_files([made.pk])
    row = Spool.objects.get()
    assert (row.offered["state"], row.offered["same"], row.offered["missing"]) == ("ready", 300, 0)
    with offers.open_offer(row) as found:
        assert b"".join(found.blocks()) == files.rows


@pytest.mark.xdist_group("storage")
def test_a_storage_that_checks_signatures_takes_gives_lists_and_forgets(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "AWAY", 0.0)
    with (
        storage_server(tmp_path) as (endpoint, access_key, secret_key),
        closing(checking.Storage(endpoint, access_key, secret_key)) as storage,
    ):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        token = "0" * 32
        with pytest.raises(StorageAway) as raised:
            BucketStore(f"s3://{storage.bucket}/a/b", f"{endpoint}/", 10**9).put(f"{token}/x", b"")
        assert raised.value.code == "SignatureDoesNotMatch"
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
        found = BucketStore(f"s3://{storage.bucket}/a/b", endpoint, 10**9)
        writer = found.write(token)
        writer.append(b"\0\0\0\2\0ab")
        writer.close()
        assert storage.names() == [f"a/b/{bucket.segment_name(token, 0, 0)}"]
        reader = found.read(token)
        assert reader.next_frame() == b"\0\0\0\2\0ab" and reader.next_frame() is None
        ((kept_token, size, age),) = found.files()
        assert (kept_token, size) == (token, 7) and -2 < age < 60 and found.has_room()
        found.remove(token)
        assert storage.names() == [] and found.read(token).next_frame() is None


def test_the_page_that_saves_a_batch_outlives_a_storage_that_is_away(
    gate: Gate, files: Files, kept_in: InStorage, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "COUNTED", 0.0)
    files.rows = b"no contacts"
    made = planned(gate, files, review="always")
    gate.work(rounds=4)
    client.force_login(user_in("Reviewer"))
    page = f"/admin/sendouts/batch/{made.pk}/file/"
    announced = client.post(page, {"size": 30, "file_name": "whole.csv"}).json()
    kept_in.storage.away()
    assert client.get(page).status_code == 200
    assert client.post(page, {"take": "1"}).status_code == 409
    piece = SimpleUploadedFile("blob", b"contactId,cancelUri\nA,http://x")
    assert client.post(announced["piece"], {"start": 0, "file": piece}).status_code == 503
    again = client.post(page, {"size": 30, "file_name": "whole.csv"})
    assert (again.status_code, Spool.objects.get().offered["received"]) == (503, 0)
    kept_in.storage.back()
    piece.seek(0)
    assert client.post(announced["piece"], {"start": 0, "file": piece}).status_code == 200


def test_a_silent_storage_is_away_after_its_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "READ_SECONDS", 0.1)
    go_on = threading.Event()

    def silent(request: Request) -> str:
        go_on.wait(60)
        return "503"

    with closing(Storage()) as storage:
        storage.wire = silent
        try:
            with pytest.raises(StorageAway) as raised:
                BucketStore("s3://spool/silent", storage.url, 10**9).get(bucket.segment_name("0" * 32, 0, 0))
        finally:
            go_on.set()
    assert raised.value.code == "ReadTimeoutError" and len(storage.calls()) == 2
