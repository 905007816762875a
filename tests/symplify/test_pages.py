"""A file that comes in pages is followed to its end, or is not complete."""

import json
from types import SimpleNamespace

import pytest

from sendouts.symplify import items
from tests.symplify.reading import good_ids, read

URI = "https://example.com/files/1?page=2"


def people(*numbers):
    return [{"contactId": f"A-{n}", "cancelUri": f"https://example.com/{n}"} for n in numbers]


def page(*numbers, headers=None, **around):
    body = json.dumps({"contacts": people(*numbers), **around}).encode()
    return SimpleNamespace(
        blocks=lambda: [body], headers=headers or {}, content_encoding="", proves_end=lambda: True, body=body
    )


def read_pages(first, following):
    """Read pages; `following` are the others by their places."""
    asked = []

    def follow(place):
        asked.append(place)
        assert len(asked) < 100, "pages are followed for ever"
        return following[place]

    rows, reader = read(first.body, headers=first.headers, follow=follow)
    return good_ids(rows), reader, asked


PLACES = {
    "nextPage": {"nextPage": URI, "hasMore": True},
    "next in links": {"links": {"self": "https://example.com/", "next": URI}},
    "next in _links as an object": {"_links": {"next": {"href": URI}}},
    "a list of links": {"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": URI}]},
    "OData": {"@odata.nextLink": URI},
    "paging": {"meta": {"pagination": {"next_url": URI, "total_pages": 2}}},
    "relative": {"next": "/files/1?page=2"},
}


@pytest.mark.parametrize("around", PLACES.values(), ids=PLACES)
def test_the_next_page_is_read_where_its_place_is_said(around):
    place = "/files/1?page=2" if "relative" in str(around) or around == PLACES["relative"] else URI
    ids, reader, asked = read_pages(page(1, 2, total=3, **around), {place: page(3, total=3, hasMore=False)})
    assert (ids, reader.complete, reader.rows, asked) == (["A-1", "A-2", "A-3"], True, 3, [place])


def test_a_link_in_a_header_is_followed_for_every_format():
    first = page(1, headers={"link": f'<https://example.com/0>; rel="prev", <{URI}>; rel="next"'})
    for body in (first.body, json.dumps(people(1)).encode(), b"contactId;cancelUri\nA-1;https://example.com/1\n"):
        first.body = body
        ids, reader, _ = read_pages(first, {URI: page(2)})
        assert (ids, reader.complete, reader.page) == (["A-1", "A-2"], True, 2)


MISSING = {
    "hasMore": ({"hasMore": True}, "more_pages"),
    "has_more in meta": ({"meta": {"has_more": True, "next": None}}, "more_pages"),
    "a cursor": ({"nextPageToken": "CAUQAA"}, "more_pages"),
    "the number of the next page": ({"next_page": 2}, "more_pages"),
    "more pages": ({"page": 1, "pages": 10}, "more_pages"),
    "not the last page": ({"last": False, "number": 0}, "more_pages"),
    "two places": ({"next": URI, "links": {"next": "https://example.com/other"}}, "more_pages"),
    "total": ({"total": 3}, "rows_missing"),
    "total as text": ({"paging": {"totalCount": "3"}}, "rows_missing"),
}


@pytest.mark.parametrize(("around", "code"), MISSING.values(), ids=MISSING)
def test_a_file_that_says_it_has_more_is_not_complete(around, code):
    for value in ({**around, "rows": people(1, 2)}, {"rows": people(1, 2), **around}):
        rows, reader = read(json.dumps(value).encode(), follow=lambda place: pytest.fail(place))
        assert (good_ids(rows), reader.complete, reader.broken) == (["A-1", "A-2"], False, code)
    assert reader.total == (3 if code == "rows_missing" else 0)


def test_a_total_in_a_header_counts_too():
    _, reader = read(json.dumps(people(1)).encode(), headers={"x-total-count": "20000"})
    assert (reader.broken, reader.total) == ("rows_missing", 20_000)


WHOLE = [
    {"total": 2, "page": 1, "pages": 1, "hasMore": False, "next": None},
    {"count": 2, "links": {"next": "", "self": URI}, "last": True},
    {"hasMore": False, "next": URI},
    {"sendout": {"next": URI, "total": 7}, "size": 50, "total": 1},
]


@pytest.mark.parametrize("around", WHOLE)
def test_a_last_page_is_complete(around):
    rows, reader = read(json.dumps({"rows": people(1, 2), **around}).encode())
    assert (len(rows), reader.complete) == (2, True)


def test_pages_that_lead_in_a_circle_end(monkeypatch):
    monkeypatch.setattr(items, "MAX_PAGES", 20)
    again = {URI: page(2, next="https://example.com/3"), "https://example.com/3": page(3, next=URI)}
    ids, reader, asked = read_pages(page(1, next=URI), again)
    assert (ids, reader.broken, len(asked)) == (["A-1", "A-2", "A-3"], "more_pages", 2)


def test_pages_without_end_are_given_up(monkeypatch):
    monkeypatch.setattr(items, "MAX_PAGES", 5)
    places = {f"/{n}": page(n, next=f"/{n + 1}") for n in range(1, 9)}
    ids, reader, _ = read_pages(page(0, next="/1"), places)
    assert (len(ids), reader.broken) == (6, "more_pages")


def test_a_bad_row_on_a_later_page_is_named_with_its_page():
    later = page(2, 3)
    later.blocks = lambda: [later.body.replace(b'"A-3"', b"7.5")]
    _, reader, _ = read_pages(page(1, next=URI), {URI: later})
    assert (reader.first_problem, reader.first_page, reader.complete) == (("mangled", 2), 2, True)


def test_a_later_page_that_is_cut_makes_the_file_incomplete():
    later = page(2, 3)
    later.blocks = lambda: [later.body[:-20]]
    ids, reader, _ = read_pages(page(1, next=URI), {URI: later})
    assert (ids, reader.complete, reader.broken) == (["A-1", "A-2"], False, "cut")


def test_fields_of_a_lone_contact_say_nothing_about_pages():
    one = {"contactId": "A", "total": 12, "next": URI, "hasMore": True, "cancelUri": "u"}
    rows, reader = read(json.dumps(one, indent=1).encode())
    assert (good_ids(rows), reader.complete) == (["A"], True)
