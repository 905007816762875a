"""A mapping that cannot work is refused where it is typed, and what works comes back from the form as it was."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from actions.catalog.consent_check.answer import Mapped, follow, read_time
from actions.catalog.consent_check.config import ConsentCheckConfig
from actions.catalog.consent_check.kind import ConsentCheck
from actions.catalog.consent_check.placeholders import Person, fill_body, fill_url
from actions.config.errors import sentences
from actions.contact import MISSING
from actions.contract import Permanent
from actions.models import ActionDefinition, Project
from desk.setup.forms import action_form

BASE = {"url": "https://consent.example.com/check"}
ONE = {"url": "https://consent.example.com/people/{id}", "method": "GET", "asks": "contact"}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "https://{id}.example.com/"}, "url", "The host is fixed"),
    ({"url": "https://consent.example.com{id}/"}, "url", "The host is fixed"),
    ({"url": "https://consent.example.com/{contact}"}, "url", "in braces"),
    ({"url": "https://consent.example.com/{field:}"}, "url", "in braces"),
    ({"url": "{id}"}, "url", "The host is fixed"),
    ({**BASE, "body": "text"}, "body", "JSON object"),
    ({**BASE, "body": {"contacts": "{everybody}"}}, "body", "in braces"),
    ({**BASE, "headers": {"X-Api-Key": "k"}}, "headers", "name a credential"),
    ({**BASE, "headers": {"Authorization": "k"}}, "headers", "name a credential"),
    ({**BASE, "headers": {"X-Purpose": "a\nb"}}, "headers", "one line"),
    ({**BASE, "headers": {"Host": "other.example.com"}}, "headers", "itself"),
    ({**BASE, "method": "GET"}, "asks", "names a contact"),
    ({**BASE, "body": {"all": True}}, "asks", "names a contact"),
    ({**ONE, "asks": "page"}, "asks", "one question for each contact"),
    ({**BASE, "body": {"contact": "{id}"}}, "asks", "one question for each contact"),
    ({**BASE, "shape": "value"}, "shape", "one question for each contact"),
    ({**BASE, "shape": "objects"}, "value_at", "yes or no"),
    ({**BASE, "absent": "accept"}, "absent", "Only where"),
    ({**BASE, "shape": "consenting", "absent": "accept"}, "absent", "Only where"),
    ({**BASE, "shape": "refusing", "absent": "reject"}, "absent", "in the list"),
    ({**BASE, "yes_values": []}, "yes_values", "at least"),
    ({**BASE, "yes_values": [True, "no"], "no_values": ["no"]}, "no_values", "both"),
    ({**BASE, "yes_values": [1], "no_values": [1.0]}, "no_values", "both"),
    ({**ONE, "shape": "status", "yes_values": [200, 503], "no_values": [404]}, "yes_values", "status codes"),
    ({**ONE, "shape": "status", "yes_values": [200], "no_values": [401]}, "no_values", "status codes"),
    ({**BASE, "answers_at": "data..verdicts"}, "answers_at", "path"),
    ({**BASE, "per_second": -1}, "per_second", "at least"),
]


@pytest.mark.parametrize(("config", "field", "sentence"), WRONG)
def test_a_mapping_that_cannot_work_is_refused_at_its_field(config: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ConsentCheck.read_config(config)
    found = [(path[0], text) for path, text in sentences(caught.value)]
    assert [name for name, _ in found] == [field]
    assert sentence in found[0][1]


def test_status_codes_must_be_told() -> None:
    with pytest.raises(ValidationError) as caught:
        ConsentCheck.read_config({**ONE, "shape": "status"})
    assert [path for path, _ in sentences(caught.value)] == [("yes_values",), ("no_values",)]


def test_a_configuration_of_before_means_what_it_meant() -> None:
    config = ConsentCheck.read_config(BASE)
    asked, read = (config.method, config.body), (config.shape, config.answers_at)
    assert (asked, read) == (("POST", {"contacts": "{ids}"}), ("map", "verdicts"))
    assert (config.yes_values, config.no_values, config.absent, config.per_second) == ((True,), (False,), "hold", 0.0)


PERSON = Person("A/1 é", {"age": 17, "email": "a+b@example.com", "vip": True})
NAMES = {"project": "News & more", "journey": "Welcome", "sendout": "Day 1"}


def test_what_is_put_into_an_address_stays_in_its_part() -> None:
    url = "https://consent.example.com/{project}/{id}?email={field:email}&vip={field:vip}&all={ids}"
    assert fill_url(url, [PERSON, Person("B", {})], NAMES) == (
        "https://consent.example.com/News%20%26%20more/A%2F1%20%C3%A9?email=a%2Bb%40example.com&vip=true&all=A%2F1%20%C3%A9,B"
    )


def test_a_body_keeps_types_and_repeats_the_list_that_names_a_contact() -> None:
    template = {
        "ids": "{ids}",
        "fixed": ["a", "b"],
        "people": [{"id": "{id}", "age": "{field:age}", "note": "of {id}"}],
        "where": "{project} / {journey} / {sendout}",
        "limit": 10,
        "deep": {"none": None},
    }
    assert fill_body(template, [PERSON, Person("B", {"age": 3.5})], NAMES) == {
        "ids": ["A/1 é", "B"],
        "fixed": ["a", "b"],
        "people": [{"id": "A/1 é", "age": 17, "note": "of A/1 é"}, {"id": "B", "age": 3.5, "note": "of B"}],
        "where": "News & more / Welcome / Day 1",
        "limit": 10,
        "deep": {"none": None},
    }


def test_paths_lead_through_objects_lists_and_pointers() -> None:
    answer = {"data": [{"a.b": {"c/d": 1}}], "": 2}
    found = [follow(answer, path) for path in ("data.0", "/data/0/a.b/c~1d", ".", "/")]
    assert found == [answer["data"][0], 1, answer, 2]
    assert {follow(answer, path) for path in ("data.1", "data.x", "data.0.a.b", "data.-1", "data.²")} == {MISSING}


def mapped(**config: Any) -> Mapped:
    read = {"shape": "objects", "answers_at": ".", "value_at": "ok"}
    return Mapped(ConsentCheckConfig(url="https://consent.example.com/check", **(read | config)))


def test_an_answer_that_contradicts_itself_has_no_meaning() -> None:
    entries = [(True, False), (False, True), (True, None), (None, False), (True, True), (False, False)]
    answer = [{"id": str(n), "ok": ok} for n, pair in enumerate(entries) for ok in pair]
    asked = [str(n) for n in range(len(entries))]
    said = mapped().read(answer, asked)
    assert [said(each).consents for each in asked] == [None] * 4 + [True, False]
    assert {said(each).doubt.name for each in asked[:4]} == {"CONTRADICTION"}


LARGE, NEXT, LONG = "9007199254740993", "9007199254740992", "12345678901234567890"
# What was asked, what the service answers, and who then counts.
NAMED: list[tuple[dict[str, Any], list[str], Any, list[str]]] = [
    ({}, ["A-1", "A-2"], [{"id": "A-1", "ok": True}, {"id": "A-3", "ok": True}], []),
    ({}, ["A-1"], [{"id": "a-1", "ok": True}, {"id": "A-1", "ok": True}], []),
    ({"ignore_case": True}, ["A-1"], [{"id": "a-1", "ok": True}, {"id": "A-1", "ok": True}], ["A-1"]),
    ({}, ["0017"], [{"id": 17, "ok": True}], []),
    ({}, ["17"], [{"id": 17, "ok": True}], ["17"]),
    ({}, [LARGE, NEXT], [{"id": int(NEXT), "ok": True}], []),
    ({}, [LARGE, NEXT], [{"id": int(NEXT), "ok": True}, {"id": int(LARGE), "ok": True}], [LARGE, NEXT]),
    ({}, [LONG], [{"id": 12345678901234567000, "ok": True}], []),
    ({}, [LONG], [{"id": 1.2345678901234567e19, "ok": True}], []),
    ({"shape": "map", "value_at": ""}, [LARGE, NEXT], {NEXT: True}, []),
    ({"shape": "map", "value_at": ""}, [NEXT, "A-1"], {NEXT: True}, [NEXT]),
    ({"shape": "map", "value_at": ""}, ["A-1"], {"A-1": True, "A-2": True}, []),
    ({"shape": "consenting"}, ["A-1"], ["A-1", "A-2"], []),
    (
        {"shape": "value", "value_at": "", "answers_at": "ok", "asks": "contact", "body": {"who": "{id}"}},
        *([LARGE], {"id": int(NEXT), "ok": True}, []),
    ),
    (
        {"shape": "value", "value_at": "", "answers_at": "ok", "asks": "contact", "body": {"who": "{id}"}},
        *([LARGE], {"id": "4711", "ok": True}, [LARGE]),
    ),
]


@pytest.mark.parametrize(("config", "asked", "answer", "counts"), NAMED)
def test_an_answer_about_others_than_were_asked_about_counts_for_nobody(
    config: dict[str, Any], asked: list[str], answer: Any, counts: list[str]
) -> None:
    said = mapped(**config).read(answer, asked)
    assert [each for each in asked if said(each).consents is True] == counts
    assert {said(each).doubt.name for each in asked if said(each).consents is None} <= {"OTHERS"}


def test_silence_about_a_number_that_another_one_becomes_when_rounded_accepts_nobody() -> None:
    said = mapped(shape="refusing", absent="accept").read([int(NEXT)], [LARGE, NEXT])
    assert [said(each).consents for each in (LARGE, NEXT)] == [None, None]


@pytest.mark.parametrize("shape", ["objects", "consenting", "refusing"])
def test_an_entry_that_names_nobody_is_not_passed_over(shape: str) -> None:
    for entry in ({"name": "A-1"}, {"id": None}, {"id": " "}, {"id": True}, None, [], 1.5):
        with pytest.raises(Permanent, match="names nobody"):
            mapped(shape=shape).read([entry], ["A-1"])


def test_numbers_and_spaces_do_not_hide_an_id() -> None:
    said = mapped(shape="refusing").read([17, "\u200b A-1 ", {"id": 18}], ["17", "A-1", "18", "19"])
    assert [said(each).consents for each in ("17", "A-1", " A-1", "18")] == [False] * 4
    assert said("19").consents is MISSING


@pytest.mark.parametrize("value", [1, "true", "TRUE", None, [], {}, [True], 0.0])
def test_only_what_was_declared_means_yes_or_no(value: Any) -> None:
    assert mapped(shape="map", value_at="").read({"A-1": value}, ["A-1"])("A-1").consents is None


def test_times_are_read_in_the_forms_that_services_write() -> None:
    same = ["2026-01-31T09:30:00+01:00", "2026-01-31 08:30", " 2026-01-31T08:30:00Z ", 1769848200, 1769848200000]
    assert {read_time(each) for each in same} == {datetime(2026, 1, 31, 8, 30, tzinfo=UTC)}
    unreadable = ["yesterday", "", None, True, [], {}, 1e300, float("nan")]
    assert [read_time(each) for each in unreadable] == [None] * 8
    assert [read_time(each) for each in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z")] == [None, None]


def test_the_examples_of_the_page_on_it_are_valid_and_do_what_the_page_says() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/actions/consent_check.md").read_text()
    examples = [yaml.safe_load(part.split("```")[0]) for part in page.split("```yaml\n")[1:]]
    assert len(examples) == 3
    read = [ConsentCheck(ConsentCheck.read_config(each)) for each in examples]
    assert [(kind.config.shape, kind.page_size) for kind in read] == [("objects", 500), ("value", 1), ("refusing", 100)]


@pytest.mark.django_db
def test_the_form_gives_a_whole_mapping_back() -> None:
    wanted = {
        "url": "https://consent.example.com/people?for={project}",
        "method": "PUT",
        "credential": "consent",
        "headers": {"Accept-Language": "fr"},
        "identifier": "properties.email",
        "ignore_case": True,
        "body": {"people": [{"key": "{id}"}]},
        "asks": "page",
        "shape": "objects",
        "answers_at": "/data/items",
        "id_at": "key",
        "value_at": "state",
        "absent": "reject",
        "yes_values": ["granted", "true", 1],
        "no_values": [],
        "recorded_at": "since",
        "reason": "Withdrawn",
        "page_size": 50,
        "parallel": 2,
        "per_second": 12.5,
        "timeout": 4.0,
    }
    project = Project.objects.create(name="Newsletter")
    made = ActionDefinition.objects.create(project=project, identifier="ask", kind="consent_check", config=wanted)
    form = action_form(ConsentCheck)
    shown = form(instance=made)
    typed = {name: shown[name].value() for name in shown.initial if name.startswith("config__")}
    typed |= {"identifier": "ask", "run": "asked", "on_failure": "hold", "position": "0", "project": project.pk}
    assert form(typed, instance=made).save().config == wanted
    refused = form({**typed, "config__absent": "accept", "config__headers": "fr"}, instance=made)
    assert set(refused.errors) == {"config__absent", "config__headers"}
