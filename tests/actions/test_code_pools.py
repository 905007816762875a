"""Managers fill pools of promo codes, and see how long they last; others see that there are codes, and not which."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions.codes.codefile import BadCode, read
from actions.codes.intake import TakenIn, alike, take_in, take_in_all
from actions.columns import UnclearColumn
from actions.models import CodePool, Draw, PromoCode
from tests.factories import client_of, plain_english, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english(settings: Any) -> None:
    plain_english(settings)


@pytest.fixture
def pool() -> CodePool:
    return CodePool.objects.create(name="summer")


@pytest.fixture
def manager() -> Client:
    return client_of("Manager")


def add(client: Client, pool: CodePool, content: bytes = b"", pasted: str = "", column: str = "") -> str:
    """Send the form as a browser does, and return the text of the page that follows."""
    data: dict[str, Any] = {"pasted": pasted, "column": column}
    if content:
        data["file"] = SimpleUploadedFile("codes.csv", content)
    return text_of(client.post(reverse("admin:actions_codepool_add_codes", args=[pool.pk]), data, follow=True))


def page(client: Client, pool: CodePool) -> str:
    return text_of(client.get(reverse("admin:actions_codepool_change", args=[pool.pk])))


def codes(pool: CodePool) -> list[str]:
    return list(PromoCode.objects.filter(pool=pool).order_by("text").values_list("text", flat=True))


FILES = [
    b"S-1\nS-2\nS-3",
    b"\xef\xbb\xbfcode;valid until\r\nS-1;2026-12-31\r\nS-2;2026-12-31\r\n\r\nS-3;\r\n",
    b'"Code","Shop"\n"S-1","a"\n"S-2","b"\n"S-3","c"\n',
    b"Name,Code,Uses\nSummer,S-1,1\nSummer,S-2,1\nSummer,S-3,1\n",
    "Campagne;Code\u00a0promo\nA;S-1\nB;S-2\nC;S-3\n".encode(),
    b"accountid,batchid,value\n1,2,S-1\n1,2,S-2\n1,2,S-3\n",
    b"sep=;\nid;Gutscheincode\n1;S-1\n2;S-2\n3;S-3\n",
]


def test_a_file_of_codes_is_read_as_people_export_it() -> None:
    assert [list(read(io.BytesIO(content))) for content in FILES] == [["S-1", "S-2", "S-3"]] * len(FILES)


def test_a_column_is_chosen_by_heading_or_number_and_never_guessed(manager: Client, pool: CodePool) -> None:
    chosen = [(b"Nom,Remise\na,S-1\n", "remise"), (b"S-1\t1\n", "1"), (b"1;2;S-1\n", "3"), (b"SUMMER\nSUMMER10\n", "1")]
    assert [list(read(io.BytesIO(content), column)) for content, column in chosen] == [
        *([["S-1"]] * 3),
        ["SUMMER", "SUMMER10"],
    ]
    unclear = {
        b"S-1\t1\nS-2\t2\n": "1, 2",
        b"Nom,Remise\na,S-1\n": "\u201cNom\u201d, \u201cRemise\u201d",
        b"Code;Voucher\na;b\n": "\u201cCode\u201d, \u201cVoucher\u201d",
        b"Kortingsbon\nS-1\nS-2\n": "\u201cKortingsbon\u201d",
    }
    for content, columns in unclear.items():
        with pytest.raises(UnclearColumn) as caught:
            list(read(io.BytesIO(content)))
        assert caught.value.columns == columns
    page = add(manager, pool, b"Nom,Remise\na,S-1\n")
    assert (
        "It is not certain which column holds the codes: \u201cNom\u201d, \u201cRemise\u201d." in page
        and codes(pool) == []
    )
    assert "1 new code was taken in." in add(manager, pool, b"Nom,Remise\na,S-1\n", column="Remise")


NO_CODES = [
    (b"<html>\n", 1, "is HTML or JSON"),
    (b'["A1",\n', 1, "is HTML or JSON"),
    (b'{"codes": []}\n', 1, "is HTML or JSON"),
    (b"# codes of July\nS-1\n", 1, "is a comment"),
    (b"code\n1,00E+05\n", 2, "a spreadsheet has rounded this number"),
    (b"code,uses\n1,23457E+16\n", 2, "a spreadsheet has rounded this number"),
    (b'S-1\n="A1"\n', 2, "this is a formula of a spreadsheet"),
    (b"S-1\n#N/A\n", 2, "error value"),
    (b"S-1\n########\n", 2, "too narrow"),
    (b"S-1\nS-2;x\n", 2, "has more columns than the first one"),
    (b'S-1\n"S-2\n', 2, "a quotation mark is missing"),
]


@pytest.mark.parametrize(("content", "line", "sentence"), NO_CODES)
def test_what_is_no_code_is_refused_with_the_reason(
    manager: Client, pool: CodePool, content: bytes, line: int, sentence: str
) -> None:
    page = add(manager, pool, content)
    assert sentence in page and str(line) in page and "Nothing was taken in." in page
    assert codes(pool) == []


ALIKE = [
    "SUMMER-01",
    "summer-01",
    "Summer-01 ",
    "SUMMER\u201101",
    "SUMMER-\u041e1",
    "SUMMER-O1",
    "\uff33UMMER-0l",
    "SUMMER-01",
]


def test_codes_that_a_shop_takes_for_one_are_one_unless_the_pool_says_otherwise(
    manager: Client, pool: CodePool
) -> None:
    assert len(set(map(alike, ALIKE))) == 1 and len({alike(each) for each in ("S-01", "S-02", "S_01", "T-01")}) == 4
    page = add(manager, pool, "\n".join(["code", *ALIKE]).encode())
    assert "1 new code was taken in." in page
    assert "6 codes were left out because a shop may take them for one that is there." in page
    assert codes(pool) == ["SUMMER-01"]
    exact = CodePool.objects.create(name="exact", exact=True)
    assert take_in_all(exact, ALIKE) == TakenIn(new=7)


def test_codes_that_were_there_before_count_too(pool: CodePool) -> None:
    for text in ("Winter-1", "winter-1", "S-2"):
        PromoCode.objects.create(pool=pool, text=text)
    assert take_in_all(pool, ["WINTER-l", "s-2", "S-2", "S-3"]) == TakenIn(new=1, there=1, left_out=2)
    assert codes(pool) == ["S-2", "S-3", "Winter-1", "winter-1"]
    assert take_in_all(pool, ["WINTER-1", "S-3"]) == TakenIn(there=1, left_out=1)


def test_a_file_may_be_sent_twice(manager: Client, pool: CodePool) -> None:
    add(manager, pool, b"S-1\nS-2\n")
    assert "1 new code was taken in. 2 were there already." in add(manager, pool, b"S-2\nS-3\n", pasted="S-1")
    assert codes(pool) == ["S-1", "S-2", "S-3"]


@pytest.mark.parametrize(("content", "line"), [(b"S-1\nS-\x002\n", 2), (b"S-1\nS-2\n\xff\xfe\n", 3), (b"x" * 101, 1)])
def test_a_file_with_something_else_in_it_is_refused_at_its_line(content: bytes, line: int) -> None:
    with pytest.raises(BadCode) as refused:
        list(read(io.BytesIO(content)))
    assert refused.value.line == line


def test_a_form_with_a_fault_or_nothing_is_refused_whole(manager: Client, pool: CodePool) -> None:
    assert "Line 2 is not a code. Nothing was taken in." in add(manager, pool, b"S-1\nS-\x002\n")
    assert "Choose a file, or enter codes." in add(manager, pool)
    assert codes(pool) == []


def test_two_pools_may_hold_the_same_text_and_one_pool_may_not(pool: CodePool) -> None:
    take_in(pool, ["S-1"])
    assert take_in(CodePool.objects.create(name="winter"), ["S-1", "S-1"]) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        PromoCode.objects.create(pool=pool, text="S-1")


def test_the_page_says_how_long_the_codes_last(manager: Client, pool: CodePool) -> None:
    take_in(pool, [f"S-{number}" for number in range(100)])
    assert "No sendout has used codes of this pool yet." in page(manager, pool)
    for number, used in enumerate((10, 30, 30, 90), start=1):
        Draw.objects.create(pool=pool, batch_number=number, used=used, closed_at=timezone.now())
    assert "Enough for 3 more sendouts of the usual size (30)." in page(manager, pool)
    assert "100 free, 0 reserved, 0 used" in page(manager, pool)


def test_only_who_sets_up_sees_the_codes_themselves(manager: Client, pool: CodePool) -> None:
    take_in(pool, ["SUMMER-2026-A", "SUMMER-2026-B"])
    assert "SUMMER-2026-A, SUMMER-2026-B" in page(manager, pool)
    shown = page(client_of("Viewer"), pool)
    assert "SU••••, SU••••" in shown and "SUMMER" not in shown


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"source": "service"}, "A service needs a URL. Otherwise, leave this empty."),
        (
            {"source": "upload", "url": "https://codes.example.com/"},
            "A service needs a URL. Otherwise, leave this empty.",
        ),
        ({"source": "service", "url": "codes.example.com"}, "Give a URL that begins with https:// or http://."),
    ],
)
def test_a_service_needs_a_url_and_an_upload_none(manager: Client, values: dict[str, str], sentence: str) -> None:
    data = {"name": "winter", "low": "0", "ask_for": "1000", **values}
    assert sentence in text_of(manager.post(reverse("admin:actions_codepool_add"), data))
    assert not CodePool.objects.exists()


def test_reading_takes_no_more_than_a_line_at_a_time() -> None:
    assert next(read(iter(io.BytesIO(b"S-1\nS-2\n" + b"\x00\n")))) == "S-1"
