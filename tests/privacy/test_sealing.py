"""The form in which URIs and hooks lie on a disk."""

from base64 import b64decode
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from actions.secrets.keys import CannotOpen, Keyring
from gateway import checks
from sendouts.privacy.sealing import of_decision, of_download, of_finish, of_hook

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
URI = b"https://symplify.example.com/cancel/1"
PLACE = of_decision(7 << 32)


@given(st.binary(max_size=300), st.sampled_from([(), (OLD,), (NEW, OLD)]))
def test_what_is_sealed_opens_again_whatever_bytes_it_is_and_with_or_without_keys(plain: bytes, keys: Any) -> None:
    ring = Keyring(keys)
    assert ring.open(ring.seal(plain, PLACE), PLACE) == plain


@given(st.binary(max_size=60))
def test_what_was_written_without_keys_opens_when_there_are_some(plain: bytes) -> None:
    assert Keyring([NEW]).open(Keyring([]).seal(plain, PLACE), PLACE) == plain


def test_a_sealed_value_tells_nothing_and_is_never_the_same_twice() -> None:
    ring = Keyring([NEW])
    sealed = {ring.seal(URI, PLACE) for _ in range(100)}
    assert len(sealed) == 100
    assert not any(b"symplify" in each or b"cancel" in each for each in sealed)
    assert {len(each) for each in sealed} == {len(URI) + 33}


def test_empty_stays_empty_since_queries_ask_for_it() -> None:
    assert Keyring([NEW]).seal(b"", PLACE) == Keyring([]).seal(b"", PLACE) == b""
    assert Keyring([NEW]).open(b"", PLACE) == b""


def test_the_first_key_seals_and_each_opens() -> None:
    by_old = Keyring([OLD]).seal(URI, PLACE)
    both = Keyring([NEW, OLD])
    assert both.open(by_old, PLACE) == URI and not both.is_current(by_old)
    moved = both.seal_again(by_old, PLACE)
    assert both.is_current(moved) and Keyring([NEW]).open(moved, PLACE) == URI
    for ring in (Keyring([NEW]), Keyring([])):
        with pytest.raises(CannotOpen):
            ring.open(by_old, PLACE)


def test_what_earlier_versions_stored_is_still_read() -> None:
    key = "c2VuZC1nYXRlLWdhdGV3YXktdGVzdC1rZXktMDAwMDA="
    token = "gAAAAABrDKKztHp8F0iQNrUuD4JYiGcaznK6bADY3cRmZOybWcyZupJktHsDGx5pq-D9hY8K6Sio82jGXrZQUM5PmGxB-RbgSA=="
    sealed = b64decode(
        "AYTUyZJvRNpugphhWIUn0YPMGAEZLOYjyScl4xrG5CnfJBxEEhgvd/7YU27yj3xFEgg9RscRUG7Y/7sdMOhK1YGPeX7afA=="
    )
    ring = Keyring([NEW, key])
    assert (ring.open_text(token), ring.open(sealed, PLACE)) == ("s3cret", URI)
    for stored in (token, sealed):
        assert Keyring([key]).is_current(stored) and not ring.is_current(stored)
        assert ring.is_current(ring.seal_again(stored, PLACE))


def test_a_value_that_is_moved_to_another_place_does_not_open() -> None:
    ring = Keyring([NEW])
    for elsewhere in (of_decision((7 << 32) + 1), of_finish("7"), of_download("7"), of_hook(UUID(int=7)), b""):
        with pytest.raises(CannotOpen):
            ring.open(ring.seal(URI, PLACE), elsewhere)


def test_a_value_that_is_damaged_or_cut_off_anywhere_does_not_open() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(URI, PLACE)
    for at in range(1, len(sealed)):
        damaged = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for value in (damaged, sealed[:at]):
            with pytest.raises(CannotOpen):
                ring.open(value, PLACE)


def test_the_check_before_a_deployment_warns_where_nothing_would_be_sealed(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ()
    assert [found.id for found in checks.addresses_are_sealed(None)] == ["gateway.W003"]
    settings.ENCRYPTION_KEYS = (NEW,)
    assert checks.addresses_are_sealed(None) == []
