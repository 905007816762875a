"""A value means the same however it is written, and what a list cannot hold is refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.suppression.values import Spelling, Unlike

IDS, EMAILS, PHONES = Spelling("contact_id"), Spelling("email"), Spelling("phone", calling_code="33")
SAME = [
    (IDS, " A-17 ", "A-17"),
    (IDS, "Ame\u0301lie", "Am\u00e9lie"),
    (EMAILS, " Reader.One@Example.COM\t", "reader.one@example.com"),
    (IDS, "\u200bA\u200d-17\ufeff", "A-17"),
    (EMAILS, "person\xad3@example.com\u00a0", "person3@example.com"),
    (EMAILS, "\u200banna@example.com\u202c", "anna@example.com"),
    (PHONES, "\u202d+33\u202f6 12 34 56 78\u202c", "+33612345678"),
    (EMAILS, "anna@bücher.example", "anna@xn--bcher-kva.example"),
    (EMAILS, "ANNA@BÜCHER.example", "anna@xn--bcher-kva.example"),
    (PHONES, "+33 6 12 34 56 78", "+33612345678"),
    (PHONES, "06.12.34.56.78", "+33612345678"),
    (PHONES, "0033 (0)6 12-34-56-78", "+33612345678"),
    (PHONES, "33612345678", "+33612345678"),
    (PHONES, "+32 470 12 34 56", "+32470123456"),
    (Spelling("phone"), "+33612345678", "+33612345678"),
]


@pytest.mark.parametrize(("writing", "typed", "stored"), SAME)
def test_a_value_is_written_in_one_way(writing: Spelling, typed: str, stored: str) -> None:
    assert writing.key(typed) == stored


UNLIKE = [
    (IDS, ["", "   ", "\u200b", "A\x0017", "A\ud800", "x" * 256, "a\nb"]),
    (EMAILS, ["anna", "anna@", "@example.com", "a@b@example.com", "Anna <anna@example.com>", "a b@example.com"]),
    (EMAILS, ["a@..bücher"]),
    (PHONES, ["612345678", "+33", "call me", "+33 6 12 34 56 78 90 12 34", "+٣٣٦١٢٣٤٥٦٧٨"]),
    (Spelling("phone"), ["0612345678", "33612345678"]),
]


@pytest.mark.parametrize(("writing", "typed"), UNLIKE)
def test_what_a_list_cannot_hold_is_refused(writing: Spelling, typed: list[str]) -> None:
    for each in typed:
        with pytest.raises(Unlike):
            writing.key(each)


def test_a_hashed_list_keeps_the_sha_256_of_the_normal_form_and_takes_one_as_it_is() -> None:
    hashed = Spelling("email", hashed=True)
    digest = hashlib.sha256(b"reader@example.com").hexdigest()
    assert hashed.key("Reader@Example.com") == digest
    assert hashed.key(f" {digest.upper()} ") == digest
    with pytest.raises(Unlike):
        EMAILS.key(digest)


@given(st.text(), st.sampled_from([IDS, EMAILS, PHONES]))
def test_what_is_stored_is_stored_the_same_again(text: str, writing: Spelling) -> None:
    try:
        key = writing.key(text)
    except Unlike:
        return
    assert writing.key(key) == key
