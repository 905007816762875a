"""The body of a hook: what it holds is read, what cannot be read is named and kept, and nothing in it is ever fatal."""

import json

import pytest

from sendouts.symplify.payload import UNREADABLE, AskedAction, Hook, OtherEvent, Unreadable, is_readable, parse

BATCH = {
    "finishUri": "https://example.com/finish/1",
    "actions": ["consent-check"],
    "projectName": "Newsletter",
    "journeyName": "Welcome",
    "sendoutName": "Day 1",
    "itemDownloadUri": "https://example.com/files/1",
}
SINGLE = {key: value for key, value in BATCH.items() if key != "itemDownloadUri"} | {
    "items": [
        {"contactId": "A-17", "rejectUri": "https://example.com/reject/17", "city": "Nice"},
        {"contactId": "A-18", "rejectUri": "https://example.com/reject/18"},
    ]
}


def hook(*parts, **changes):
    body = {**(parts[0] if parts else BATCH), **changes}
    parsed = parse(json.dumps(body).encode())
    assert isinstance(parsed, Hook)
    return parsed


def test_a_batch_and_a_single_are_read():
    key = hook().delivery_key
    wanted = ("https://example.com/finish/1", "https://example.com/files/1", (AskedAction("consent-check", {}),))
    assert hook() == Hook(*wanted, "Newsletter", "Welcome", "Day 1", (), key, extra={}, problems=())
    assert len(key) == 64 and int(key, 16)
    parsed = hook(SINGLE)
    assert (parsed.download_uri, parsed.problems) == ("", ())
    assert [(row.contact_id, row.uri, row.fields, row.problem) for row in parsed.items] == [
        ("A-17", "https://example.com/reject/17", {"city": "Nice"}, ""),
        ("A-18", "https://example.com/reject/18", {}, ""),
    ]


def test_keys_are_known_in_any_case_and_unknown_ones_are_kept():
    body = {key.upper(): value for key, value in SINGLE.items()}
    assert parse(json.dumps(body).encode()) == hook(SINGLE)
    assert hook(BATCH, PROJECTNAME="other").project == "Newsletter"
    assert hook(BATCH, PROJECTNAME="other").extra == {"PROJECTNAME": "other"}
    assert hook(BATCH, newThing={"a": [1]}, other=None).extra == {"newThing": {"a": [1]}, "other": None}


def test_a_field_twice_with_different_values_is_a_problem_of_the_hook():
    start = b'{"finishUri":"https://example.com/1",'
    for rest in (b'"finishUri":"https://example.com/2"', b'"FinishUri":"https://example.com/2"'):
        assert "key_twice" in parse(start + rest + b"}").problems
    assert "key_twice" not in parse(start + b'"other":1,"other":2,"finishUri":"https://example.com/1"}').problems
    asked = parse(start + b'"actions":[{"id":"ask","list":1,"list":2}]}')
    assert (asked.asked[0].identifier, asked.problems) == (UNREADABLE, ("neither_file_nor_items", "unreadable_action"))
    assert "key_twice" in parse(start + b'"actions":["a"],"actions":["b"]}').problems


@pytest.mark.parametrize("body", [b'{"summary": 1}', b"{}", b'{"event": "Sendout summary", "data": {"uri": "x"}}'])
def test_an_object_that_names_no_hook_is_another_event(body):
    assert parse(body) == OtherEvent(tuple(json.loads(body)))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is empty."),
        (b" \n", "The body is empty."),
        (b"[]", "The body is JSON, but it is not an object."),
        (b'"text"', "The body is JSON, but it is not an object."),
        (b"null", "The body is JSON, but it is not an object."),
        (b'{"secret":\n "x" "y"}', "The body is not JSON: line 2, column 6."),
        (b'{"NaN":\n\n-Infinite}', "The body is not JSON: line 3, column 1."),
        (b"{'secret': 1}", "The body is not JSON: line 1, column 2."),
        (b'{"a":1}{"b":2}', "The body is not JSON: line 1, column 8."),
        (b'{"secret": "\xff"}', "The body is not text in UTF-8: byte 13 is the first bad one."),
        ("text".encode("utf-16"), "The body is not JSON: line 1, column 1."),
        (b'{"a": "\xe9", "b":}', "The body is not text in UTF-8: byte 8 is the first bad one."),
        (b"[" * 200_000, "The body is JSON nested more than 100 levels deep."),
        (b'{"a":' * 200_000, "The body is JSON nested more than 100 levels deep."),
        (b'{"a":' + b"[" * 150 + b"]" * 150 + b"}", "The body is JSON nested more than 100 levels deep."),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_what_is_no_json_object_is_refused_with_its_first_bad_place(body, sentence):
    with pytest.raises(Unreadable) as door:
        is_readable(body)
    with pytest.raises(Unreadable) as planning:
        parse(body)
    assert str(door.value) == str(planning.value) == sentence


def test_a_byte_order_mark_lone_surrogates_and_outsized_numbers_are_read():
    parsed = parse(
        b'\xef\xbb\xbf{"finishUri":"https://example.com/1","projectName":" a\\ud800\\u0000b ","n":'
        + b"9" * 10_000
        + b',"m":1e999999,"\\udfff":["\\ud800"]}'
    )
    assert parsed.project == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"
    assert parsed.extra == {
        "n": "9" * 10_000,
        "m": "1e999999",
        "\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"],
    }


def test_names_are_trimmed_composed_and_cut():
    parsed = hook(BATCH, projectName="  Re\u0301seau\n", journeyName="x" * 300, sendoutName=2024)
    assert (parsed.project, parsed.journey, parsed.sendout) == ("R\u00e9seau", "x" * 255, "2024")
    assert parsed.problems == ("journey_cut",)
    assert parsed.extra == {"journeyName": "x" * 300}


def test_the_same_delivery_has_the_same_key_and_no_other_has():
    assert hook(BATCH, projectName="x", actions=[], new=1).delivery_key == hook().delivery_key
    swapped = SINGLE["items"][::-1]
    assert hook(SINGLE, items=swapped, sendoutName="x").delivery_key == hook(SINGLE).delivery_key
    others = [
        hook(),
        hook(BATCH, finishUri="https://example.com/finish/2"),
        hook(BATCH, itemDownloadUri="https://example.com/files/2"),
        hook(BATCH, itemDownloadUri=["https://example.com/files/2"]),
        hook(BATCH, items=SINGLE["items"]),
        hook(SINGLE),
        hook(SINGLE, items=SINGLE["items"][:1]),
        hook(SINGLE, items=SINGLE["items"] + SINGLE["items"][:1]),
        hook(SINGLE, items=[]),
        hook(SINGLE, items=[{"contactId": "A"}]),
        hook(SINGLE, items=[{"contactId": "B"}]),
        hook(SINGLE, items={"contactId": "A"}),
        hook(SINGLE, items={"contactId": "B"}),
    ]
    assert len({one.delivery_key for one in others}) == len(others)


@pytest.mark.parametrize(
    ("changes", "problem", "kept"),
    [
        ({"items": {"a": 1}}, "items_not_a_list", {"items": {"a": 1}}),
        ({"items": "x"}, "items_not_a_list", {"items": "x"}),
        ({"items": SINGLE["items"]}, "both_file_and_items", {}),
        ({"itemDownloadUri": None}, "neither_file_nor_items", {}),
        ({"itemDownloadUri": "", "items": []}, "neither_file_nor_items", {}),
        ({"itemDownloadUri": 7}, "download_uri_not_text", {"itemDownloadUri": 7}),
        ({"actions": 7}, "actions_not_a_list", {"actions": 7}),
        ({"projectName": ["x"]}, "project_not_text", {"projectName": ["x"]}),
        ({"journeyName": True}, "journey_not_text", {"journeyName": True}),
        ({"sendoutName": {}}, "sendout_not_text", {"sendoutName": {}}),
        ({"finishUri": "https://example.com/\ud800"}, "finish_uri_bad_text", {}),
        ({"finishUri": "https://example.com/" + "x" * 8000}, "finish_uri_too_long", {}),
        ({"itemDownloadUri": "https://example.com/\0x"}, "download_uri_bad_text", {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_nonsense_is_named_and_kept(changes, problem, kept):
    parsed = hook(BATCH, **changes)
    assert problem in parsed.problems
    assert parsed.extra == kept


def test_bad_items_are_rows_with_a_problem_and_their_position():
    parsed = hook(SINGLE, items=[1, {"contactId": "A"}, {"rejectUri": "https://example.com/1"}, *SINGLE["items"]])
    assert [(row.problem, row.place, row.uri) for row in parsed.items[:3]] == [
        ("not_an_object", 1, ""),
        ("no_uri", 2, ""),
        ("no_id", 3, "https://example.com/1"),
    ]
    assert [row.problem for row in parsed.items[3:]] == ["", ""]


def asked(actions):
    return parse(json.dumps({"finishUri": "https://example.com/1", "actions": actions}).encode()).asked


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["consent-check", " vip "], [("consent-check", {}), ("vip", {})]),
        ("consent-check", [("consent-check", {})]),
        (None, []),
        ("", []),
        ([], []),
        ({}, []),
        ({"consent-check": {"level": 2}, "vip": None}, [("consent-check", {"level": 2}), ("vip", {})]),
        ([{"identifier": "a", "id": "b", "x": 1}], [("a", {"id": "b", "x": 1})]),
        ([{"type": "t", "action": "c", "name": "n"}], [("n", {"type": "t", "action": "c"})]),
        ([{"TYPE": "t", "Action": "c"}], [("c", {"TYPE": "t"})]),
        ([{"id": 7}], [("7", {})]),
        ([{"identifier": None, "name": "n"}], [("n", {"identifier": None})]),
        (["a", "a"], [("a", {}), ("a", {})]),
        (["Re\u0301seau"], [("R\u00e9seau", {})]),
        (["a\ud800"], [("a\N{REPLACEMENT CHARACTER}", {})]),
        ({"a": ["\0"]}, [("a", ["\N{REPLACEMENT CHARACTER}"])]),
        ([{"id": "a", "x": "\ud800"}], [("a", {"x": "\N{REPLACEMENT CHARACTER}"})]),
    ],
    ids=repr,
)
def test_every_shape_of_actions_is_read(actions, expected):
    assert asked(actions) == tuple(AskedAction(identifier, details) for identifier, details in expected)


@pytest.mark.parametrize(
    "entry", [7, None, True, [], ["a"], "", " ", {}, {"level": 2}, {"identifier": ""}, {"id": 1.5}, "x" * 256], ids=repr
)
def test_an_entry_that_cannot_be_read_is_kept_so_that_it_holds_the_batch(entry):
    assert asked(["a", entry, "b"]) == (AskedAction("a", {}), AskedAction(UNREADABLE, entry), AskedAction("b", {}))


def test_actions_that_are_no_list_or_have_a_blank_name_are_kept_so_that_they_hold_the_batch():
    for actions in (7, True, 1.5, {" ": {"level": 2}}):
        assert asked(actions) == (AskedAction(UNREADABLE, actions),)
