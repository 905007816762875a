"""Contact files in archives, and under headers of encodings that are none or that a store forgot."""

import gzip
import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendouts.symplify import archive, source
from tests.symplify.reading import bounded, good_ids, read

CSV = b"contactId;consent;cancelUri\n" + b"".join(b"A-%d;true;https://example.com/%d\n" % (n, n) for n in range(500))
IDS = [f"A-{n}" for n in range(500)]


def zipped(
    *files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False, comment: bytes = b""
) -> bytes:
    """An archive; `streamed`: its sizes follow the content, since the writer could not go back."""
    written = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return written.write(data)  # type: ignore[arg-type]

    with zipfile.ZipFile(Pipe() if streamed else written, "w", method) as made:
        for name, content in files:
            made.writestr(name, content)
        made.comment = comment
    return written.getvalue()


def in_blocks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


BESIDE = [("__MACOSX/._contacts.csv", b"x"), ("export/", b""), (".DS_Store", b"y"), ("Thumbs.db", b"z")]


@pytest.mark.parametrize("size", [1, 7, 1_000, 1 << 20])
@pytest.mark.parametrize(
    "data",
    [
        zipped(("contacts.csv", CSV)),
        zipped(("contacts.csv", CSV), streamed=True),
        zipped(("contacts.csv", CSV), method=zipfile.ZIP_STORED),
        zipped(*BESIDE, ("export/Été 2026.csv", CSV), comment=b"made by hand"),
        zipped(("contacts.csv", CSV), *BESIDE, streamed=True),
        zipped(("contacts.csv.gz", gzip.compress(CSV))),
        gzip.compress(zipped(("contacts.csv", CSV))),
    ],
    ids=["plain", "streamed", "stored", "beside", "beside, streamed", "gzip inside", "in gzip"],
)
def test_an_archive_with_one_file_is_read(data: bytes, size: int) -> None:
    rows, reader = read(in_blocks(data, size))
    assert (good_ids(rows), reader.complete, reader.format) == (IDS, True, "csv")


def test_an_archive_proves_its_end_where_the_transport_cannot() -> None:
    assert read(zipped(("contacts.csv", CSV)), proven=False)[1].complete


@pytest.mark.parametrize("streamed", [False, True])
def test_a_large_archive_with_sizes_of_eight_bytes_is_read(streamed: bool) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made, made.open("c.csv", "w", force_zip64=True) as file:
        file.write(CSV)
    data = written.getvalue()
    assert good_ids(read(data)[0]) == IDS and read(data)[1].complete


@pytest.mark.parametrize(
    ("data", "code", "names"),
    [
        (zipped(("a.csv", CSV), ("b.csv", CSV)), "zip_of_several", ["a.csv", "b.csv"]),
        (zipped(("a.csv", CSV), ("readme.txt", b"Hello")), "zip_of_several", ["a.csv", "readme.txt"]),
        (zipped(*((f"{n}.csv", CSV) for n in range(40))), "zip_of_several", [f"{n}.csv" for n in range(11)]),
        (zipped(*((f"{n}/", b"") for n in range(2_000))), "zip_of_several", []),
        (zipped(*BESIDE), "zip_of_none", []),
        (zipped(("a.csv", CSV)).replace(b"\x14\0\0\0", b"\x14\0\1\0", 1), "zip_locked", ["a.csv"]),
        (zipped(("a.csv", CSV), method=zipfile.ZIP_BZIP2), "bad_zip", ["a.csv"]),
    ],
    ids=["two", "with a text", "many", "folders", "none", "locked", "bzip2"],
)
def test_any_other_archive_is_held_and_its_files_are_named(data: bytes, code: str, names: list[str]) -> None:
    _, reader = read(data)
    assert (reader.broken, reader.complete, reader.names) == (code, False, names)


@given(st.integers(0, len(zipped(("contacts.csv", CSV))) - 1), st.integers(1, 255))
def test_a_damaged_archive_is_never_complete_with_other_rows(place: int, change: int) -> None:
    data = bytearray(zipped(("contacts.csv", CSV)))
    data[place] ^= change
    rows, reader = read(bytes(data))
    assert not reader.complete or good_ids(rows) == IDS


@pytest.mark.parametrize("kept", range(1, len(zipped(("contacts.csv", CSV))) - 80, 97))
def test_a_cut_archive_is_never_complete(kept: int) -> None:
    assert not read(zipped(("contacts.csv", CSV))[:kept])[1].complete


@pytest.mark.parametrize("streamed", [False, True])
def test_an_archive_that_unpacks_to_far_too_much_is_given_up_in_constant_memory(
    streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_RATIO_FROM", 1 << 22)
    bomb = zipped(("contacts.csv", CSV + b" " * 200_000_000), streamed=streamed)
    with bounded(30_000_000):
        _, reader = read(bomb)
    assert (reader.broken, reader.complete) == ("too_big", False)


def test_a_spreadsheet_is_no_archive_of_contacts() -> None:
    for name in ("[Content_Types].xml", "_rels/.rels", "mimetype", "xl/workbook.xml"):
        stream = archive.ByteStream(iter([zipped((name, b"x"), ("xl/sheet.xml", b"y"))]))
        assert not archive.Archive.begins(stream)


@pytest.mark.parametrize(
    "name", ["utf-8", "UTF8", "binary", "8bit", "none", "identity", "text", "iso-8859-1, identity"]
)
def test_an_encoding_that_is_none_is_ignored(name: str) -> None:
    rows, reader = read(CSV, encoding=name)
    assert (good_ids(rows), reader.complete) == (IDS, True)


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, br", "compress"])
def test_an_encoding_that_nothing_here_unpacks_is_not_read_as_text(name: str) -> None:
    reader = read(CSV, encoding=name)[1]
    assert (reader.broken, reader.names) == ("foreign_encoding", [name.rpartition(" ")[2]])


@pytest.mark.parametrize("wbits", [15, -15])
def test_deflate_is_read_with_and_without_its_head(wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    data = packer.compress(CSV) + packer.flush()
    rows, reader = read(data, encoding="deflate")
    assert (good_ids(rows), reader.complete) == (IDS, True)
    assert not read(data[:-20], encoding="deflate")[1].complete


def framed(data: bytes, size: int, *, sign: str = ";chunk-signature=" + "0a" * 32, trailer: bytes = b"") -> bytes:
    parts = [f"{len(part):x}{sign}\r\n".encode() + part + b"\r\n" for part in in_blocks(data, size)]
    return b"".join(parts) + f"0{sign}\r\n".encode() + trailer + b"\r\n"


@pytest.mark.parametrize("size", [1, 13, 1 << 16])
@pytest.mark.parametrize(
    ("sign", "trailer"),
    [(";chunk-signature=" + "0a" * 32, b""), ("", b"x-amz-checksum-crc32:AAAAAA==\r\n")],
    ids=["signed", "with a trailer"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_chunks_of_aws_are_taken_off(size: int, sign: str, trailer: bytes, packed: bool) -> None:
    plain = gzip.compress(CSV) if packed else CSV
    data = framed(plain, 64, sign=sign, trailer=trailer)
    rows, reader = read(in_blocks(data, size), encoding="aws-chunked, gzip" if packed else "aws-chunked")
    assert (good_ids(rows), reader.complete) == (IDS, True)


def test_a_body_whose_chunks_the_store_took_off_is_read_as_it_is() -> None:
    rows, reader = read(CSV, encoding="aws-chunked")
    assert (good_ids(rows), reader.complete) == (IDS, True)


@pytest.mark.parametrize("kept", [700, 5_000, -4])
def test_chunks_without_their_end_are_a_cut_file(kept: int) -> None:
    data = framed(CSV, 64)
    _, reader = read(data[: kept if kept > 0 else data.rindex(b"0;chunk")], encoding="aws-chunked")
    assert (reader.broken, reader.complete) == ("cut", False)


def test_many_tiny_chunks_cost_no_more_than_their_bytes() -> None:
    data = framed(b"x" * 400_000, 1, sign="")
    assert b"".join(archive.unframe(archive.ByteStream(iter([data])))) == b"x" * 400_000
