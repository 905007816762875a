"""A file says what is configured: whole or not at all, every fault at once, and twice changes nothing."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from actions.config import apply as config_apply
from actions.config import file
from actions.models import ActionDefinition, Project, Sendout, SuppressionList

pytestmark = pytest.mark.django_db

FILE = """
projects:
  - name: Newsletter
    review: never
    at_deadline: leave
    answer_within: 60m
    keep: {contacts: none, fields: []}
    actions:
      - {identifier: consent-check, kind: field_rule,
         config: {field: properties.consent, reject_if: {equals: false}, if_missing: hold, reason: "No consent"}}
    sendouts:
      - {journey: Welcome, name: Day 1, review: always,
         actions: [{identifier: vip, run: always, kind: field_rule, config: {field: vip, reject_if: {missing: true}}}]}
"""


def apply(text: str) -> list[str]:
    return config_apply.apply(file.read(text))


def dump() -> str:
    return file.write(config_apply.collect())


def faults(text: str) -> list[str]:
    with pytest.raises(file.FaultyFile) as caught:
        file.read(text)
    return caught.value.faults


def everything() -> list[Any]:
    """Return all that is configured, archived things too."""
    return [list(model.objects.order_by("pk").values()) for model in (Project, Sendout, ActionDefinition)]


SUPPRESSION = """
projects:
  - name: Newsletter
    actions: [{identifier: opposition, kind: suppression, config: {list: Opposition}}]
    sendouts:
      - {name: Day 1, actions: [{identifier: opposition, kind: suppression, config: {list: Of the shop}}]}
"""


def test_a_file_that_names_lists_that_are_not_there_is_refused_whole_and_applied_once_they_are() -> None:
    shop = Project.objects.create(name="Shop")
    SuppressionList.objects.create(name="Of the shop", project=shop)
    before = everything()
    with pytest.raises(file.FaultyFile) as caught:
        apply(SUPPRESSION)
    assert caught.value.faults == [
        "projects[0].actions[0].config.list: No list “Opposition” is kept here for this project.",
        "projects[0].sendouts[0].actions[0].config.list: No list “Of the shop” is kept here for this project.",
    ]
    assert everything() == before
    SuppressionList.objects.create(name="Opposition")
    SuppressionList.objects.update(project=None)
    assert len(apply(SUPPRESSION)) == 4
    text = dump()
    assert "list: Opposition" in text and apply(text) == []


def live() -> list[tuple[str, int]]:
    return list(
        ActionDefinition.objects.filter(archived=False).order_by("position").values_list("identifier", "position")
    )


def test_the_file_of_the_documentation_is_applied() -> None:
    said = apply(FILE)
    project = Project.objects.get()
    assert (project.name, project.answer_within, project.declared) == ("Newsletter", timedelta(hours=1), True)
    sendout = project.sendouts.get()
    assert (sendout.journey, sendout.name, sendout.review, sendout.at_deadline) == ("Welcome", "Day 1", "always", None)
    own = sendout.actions.get()
    assert (own.identifier, own.run, own.config["reject_if"]) == ("vip", "always", {"missing": True})
    assert project.actions.get().config == {
        "field": "properties.consent",
        "reject_if": {"equals": False},
        "if_missing": "hold",
        "reason": "No consent",
    }
    assert said == [
        "created project Newsletter",
        "created project Newsletter, action consent-check",
        "created project Newsletter, sendout Welcome / Day 1",
        "created project Newsletter, sendout Welcome / Day 1, action vip",
    ]


def test_applied_twice_changes_nothing_and_leaves_alone_what_the_file_does_not_mean() -> None:
    apply(FILE)
    other = Project.objects.create(name="Shop", review="always")
    ActionDefinition.objects.create(project=other, identifier="x", kind="field_rule")
    Sendout.objects.create(project=Project.objects.get(name="Newsletter"), journey="Met", name="in a hook")
    before = everything()
    assert apply(FILE) == []
    assert everything() == before
    assert ActionDefinition.history.count() == 3


def test_what_is_dumped_and_applied_again_changes_nothing() -> None:
    apply(FILE)
    project = Project.objects.get()
    ActionDefinition.objects.create(
        project=project,
        identifier="Été",
        kind="field_rule",
        position=40,
        run="always",
        on_failure="reject",
        config={"field": "age", "reject_if": {"in": [1, "1", True, 1.5, "oui", "é"]}},
    )
    Project.objects.update(
        keep_contacts="all",
        keep_fields=["email", "city"],
        show_fields=["city"],
        answer_within=timedelta(seconds=90),
        empty_words=["-"],
    )
    Sendout.objects.create(project=project, journey="Met", name="in a hook")
    Project.objects.create(name="Met in a hook", declared=False)
    Project.objects.create(name="Old", archived=True)
    before = everything()
    text = dump()
    assert apply(text) == []
    assert everything() == before
    assert dump() == text


def test_a_dump_builds_the_same_elsewhere() -> None:
    apply(FILE)
    text = dump()
    for model in (ActionDefinition, Sendout, Project):
        model.objects.all().delete()
    apply(text)
    assert dump() == text


def test_what_the_file_names_no_more_is_archived_and_comes_back_when_named() -> None:
    apply(FILE)
    keys = set(ActionDefinition.objects.values_list("pk", flat=True))
    said = apply("projects: [{name: Newsletter}]")
    assert said == [
        "archived project Newsletter, action consent-check",
        "archived project Newsletter, sendout Welcome / Day 1, action vip",
        "archived project Newsletter, sendout Welcome / Day 1",
    ]
    assert live() == []
    assert set(ActionDefinition.objects.values_list("pk", flat=True)) == keys
    apply(FILE)
    assert set(ActionDefinition.objects.filter(archived=False).values_list("pk", flat=True)) == keys
    assert not Sendout.objects.get().archived


def test_what_is_left_out_goes_back_to_its_default() -> None:
    apply("projects: [{name: N, review: always, at_deadline: reject, answer_within: 2h, keep: {contacts: all}}]")
    (said,) = apply("projects: [{name: N}]")
    assert said == "changed project N: review, at_deadline, answer_within, keep_contacts"
    project = Project.objects.get()
    assert (project.review, project.at_deadline, project.answer_within) == ("never", "leave", timedelta(hours=1))


def test_a_project_met_in_a_hook_is_declared_by_the_file() -> None:
    Project.objects.create(name="N", declared=False)
    assert apply("projects: [{name: ' N '}]") == ["changed project N: declared"]


def test_a_change_of_configuration_keeps_the_row_and_its_history() -> None:
    apply(FILE)
    key = ActionDefinition.objects.get(identifier="consent-check").pk
    apply(FILE.replace("equals: false", "not_equals: true"))
    definition = ActionDefinition.objects.get(pk=key)
    assert (definition.config["reject_if"], definition.history.count()) == ({"not_equals": True}, 2)


def test_one_and_true_are_two_configurations() -> None:
    text = ACTION % RULE % "{equals: %s}"
    apply(text % "1")
    assert apply(text % "true") == ["changed project N, action a: config"]
    assert ActionDefinition.objects.get().config["reject_if"]["equals"] is True


def actions(*identifiers: str) -> str:
    rules = "".join(
        f"\n      - {{identifier: {each}, kind: field_rule, config: {{field: {each}, reject_if: {{missing: true}}}}}}"
        for each in identifiers
    )
    return f"projects:\n  - name: N\n    actions:{rules}\n"


def test_the_place_in_the_list_is_the_order() -> None:
    apply(actions("a", "b", "c"))
    assert live() == [("a", 0), ("b", 1), ("c", 2)]
    apply(actions("c", "a"))
    assert live() == [("c", 0), ("a", 1)]
    apply(actions("c", "b", "a"))
    assert live() == [("c", 0), ("b", 1), ("a", 2)]
    assert ActionDefinition.objects.count() == 3


def test_two_actions_of_one_identifier_both_stay() -> None:
    text = actions("a", "a").replace("field: a", "field: first", 1)
    apply(text)
    assert apply(text) == []
    assert [row.config["field"] for row in ActionDefinition.objects.order_by("position")] == ["first", "a"]


ACTION = "projects: [{name: N, actions: [{identifier: a, %s}]}]"
RULE = "kind: field_rule, config: {field: f, reject_if: %s}"
FAULTY = [
    ("", "The file must begin with “projects:”."),
    ("[]", "The file must begin with “projects:”."),
    ("{}", "projects: This is required."),
    ("projects: {a: 1}", "projects: Give a list."),
    ("projects: [1]", "projects[0]: Give keys and values."),
    ("projects: [{}]", "projects[0].name: This is required."),
    ("projects: [{name: ' '}]", "projects[0].name: Give at least 1 character(s)."),
    ("projects: [{name: 17}]", "projects[0].name: Give text."),
    ("projects: [{name: N, reviews: always}]", "projects[0].reviews: Nothing of this name is known here."),
    ("projects: [{name: N, review: sometimes}]", "projects[0].review: Give one of: 'never', 'unusual' or 'always'."),
    ("projects: [{name: N, answer_within: 60}]", "projects[0].answer_within: Give a whole number and a unit"),
    ("projects: [{name: N, answer_within: 5s}]", "projects[0].answer_within: Give between 10 seconds and 30 days."),
    ("projects: [{name: N, answer_within: 99d}]", "projects[0].answer_within: Give between 10 seconds and 30 days."),
    *(
        (f"projects: [{{name: P, sendouts: [{{name: S, expect_every: {value}}}]}}]", f"[0].expect_every: Give {rest}")
        for value, rest in (("30s", "between"), ("401d", "between"), ("often", "a whole"), ("1", "a whole"))
    ),
    ("projects: [{name: N, keep: {contacts: some}}]", "projects[0].keep.contacts: Give one of"),
    ("projects: [{name: N}, {name: ' N'}]", "projects[1].name: The project “N” is named twice."),
    ("projects: [{name: N, sendouts: [{name: a}, {name: a}]}]", "projects[0].sendouts[1]: The sendout"),
    (ACTION % "kind: x", "projects[0].actions[0].kind: No kind is called “x”"),
    (ACTION % "kind: consent_check", "actions[0].config.url: This is required."),
    (ACTION % RULE % "{}", "projects[0].actions[0].config.reject_if: Give exactly one of: equals"),
    (ACTION % RULE % "{equals: 2024-01-01}", "config.reject_if.equals: Give text, a number, true or false."),
    ("projects: [{name: N, name: M}]", "line 1, column 22: not readable as YAML: the key “name” stands twice."),
    ("projects: [", "line 1, column 12: not readable as YAML"),
    ("a: 2024-13-45", "not readable as YAML"),
    ("? [a]\n: 1", "not readable as YAML"),
    ("!!python/object/apply:os.system ['true']", "not readable as YAML"),
]


@pytest.mark.parametrize(("text", "fault"), FAULTY)
def test_a_fault_is_named_with_its_place(text: str, fault: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert fault in found[0]


def test_all_faults_are_named_at_once() -> None:
    text = """
projects:
  - name: N
    review: sometimes
    actions: [{identifier: a, kind: gone}, {kind: field_rule, config: {field: f, reject_if: {less: x}}}]
  - colour: red
    sendouts: [{journey: W, name: D, actions: [{identifier: v, kind: field_rule, config: {}}]}]
"""
    assert [fault.partition(":")[0] for fault in faults(text)] == [
        "projects[0].actions[0].kind",
        "projects[0].actions[1].config.reject_if.less",
        "projects[0].actions[1].identifier",
        "projects[0].review",
        "projects[1].colour",
        "projects[1].name",
        "projects[1].sendouts[0].actions[0].config.field",
        "projects[1].sendouts[0].actions[0].config.reject_if",
    ]


def test_a_file_that_fails_half_way_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    apply(FILE)
    before = everything()

    def fail(*args: Any) -> Any:
        raise RuntimeError("The lights went out.")

    monkeypatch.setattr(config_apply, "_sendouts", fail)
    with pytest.raises(RuntimeError):
        apply("projects: [{name: Newsletter, review: always}, {name: New}]")
    assert everything() == before


def test_the_commands_read_a_file_and_the_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("\ufeff" + FILE, encoding="utf-8")
    out, dumped, again = io.StringIO(), io.StringIO(), io.StringIO()
    call_command("apply_config", str(path), stdout=out)
    assert "created project Newsletter\n" in out.getvalue()
    call_command("dump_config", stdout=dumped)
    monkeypatch.setattr("sys.stdin", io.StringIO(dumped.getvalue()))
    call_command("apply_config", "-", stdout=again)
    assert again.getvalue() == "Nothing to change.\n"


def test_the_command_says_every_fault_and_that_nothing_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("projects: [{name: N, colour: red, review: x}]")
    with pytest.raises(CommandError) as caught:
        call_command("apply_config", str(path))
    assert str(caught.value).startswith("Nothing was changed.\nprojects[0].colour: ")
    assert "projects[0].review: " in str(caught.value)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("apply_config", str(tmp_path / "none.yaml"))


def test_how_often_a_sendout_is_expected_is_read_and_written_and_taken_back() -> None:
    expected = FILE.replace("review: always,", "review: always, expect_every: 1d,")
    apply(expected)
    assert Sendout.objects.get().expect_every == timedelta(days=1)
    assert "expect_every: 1d" in dump()
    assert apply(expected) == []
    assert apply(FILE) == ["changed project Newsletter, sendout Welcome / Day 1: expect_every"]
    assert Sendout.objects.get().expect_every is None and "expect_every" not in dump()


def test_a_sendout_that_is_only_expected_says_something_of_its_own() -> None:
    apply("projects: [{name: P, sendouts: [{name: S, expect_every: 90m}]}]")
    assert "expect_every: 90m" in dump()
