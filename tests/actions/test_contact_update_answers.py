"""A contact counts as written only if the platform's answer does not say otherwise, whatever its status is."""

import json
from typing import Any

import pytest

from actions.catalog.contact_update.platform_api import ContactsApi, write_each
from actions.contract import Permanent
from actions.effect import DONE, Applied
from actions.sentences import write
from tests.actions.helpers import make_context, service


def written(body: bytes, status: int = 200) -> list[Applied]:
    with service(lambda number, question: (status, {}, body)) as it:
        api = ContactsApi(it.url.partition("?")[0], "7", "3", "consent")
        return write_each(api, [("A-1", {"code": "S-1"}), ("A-2", {"code": "S-2"})], make_context())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"OK",
        b'{"originalId": "A-1"}',
        b'{"error": null, "success": true}',
        # The contact's own values may be any words.
        b'{"originalId": "A-1", "properties": {"status": "failed", "error": "none of ours"}}',
    ],
)
def test_an_answer_that_says_nothing_else_means_written(answer: bytes) -> None:
    assert written(answer) == [DONE, DONE]


@pytest.mark.parametrize(
    "answer", [{"error": "no such property"}, {"errors": [{"code": 7}]}, {"success": False}, {"status": "error"}]
)
def test_an_error_under_200_means_that_this_contact_is_not_written(answer: Any) -> None:
    found = written(json.dumps(answer).encode())
    assert [each.done for each in found] == [False, False]
    assert write(found[0].text) == "The platform answered 200, and said that it did not write the contact."


@pytest.mark.parametrize("page", [b"<!doctype html><title>Login</title>", b"\n<html><body>Please log in</body></html>"])
def test_a_web_page_under_200_means_that_nobody_is_written(page: bytes) -> None:
    with pytest.raises(Permanent, match="answered with a web page"):
        written(page)
