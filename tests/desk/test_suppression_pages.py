"""Lists on the screens: set up, filled by file and by hand, searched and emptied; and who may do what."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions.models import ActionDefinition, Project, SuppressionEntry, SuppressionList, SuppressionUpload
from actions.suppression import entries, receive, upload_work
from tests.factories import client_of, text_of
from tests.lanes import work_on

pytestmark = pytest.mark.django_db
ADDRESS, DAY = "reader@example.com", timedelta(days=1)


@pytest.fixture
def emails() -> SuppressionList:
    return SuppressionList.objects.create(name="Opposition", holds="email")


def url(name: str, row: Any = None) -> str:
    return reverse(f"admin:actions_suppressionlist_{name}", args=[row.pk] if row is not None else [])


def put(found: SuppressionList, *values: str) -> None:
    keys = {found.writing.key(value): entries.NewEntry("Complaint") for value in values}
    entries.add(found.pk, keys, by=None, now=timezone.now())


def stored() -> list[str]:
    return sorted(SuppressionEntry.objects.values_list("value", flat=True))


def test_a_list_is_set_up_and_then_keeps_what_its_entries_were_written_by(manager: Client) -> None:
    said = {"name": " Opposition ", "holds": "phone", "calling_code": "33", "hashed": "on", "note": ""}
    assert manager.post(url("add"), said).status_code == 302
    found = SuppressionList.objects.get()
    assert (found.name, found.holds, found.calling_code, found.hashed) == ("Opposition", "phone", "33", True)
    manager.post(url("change", found), {"name": "Other", "holds": "email", "note": "Kept by the shop"})
    found.refresh_from_db()
    assert (found.name, found.holds, found.note) == ("Opposition", "phone", "Kept by the shop")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "Opposition"}, "name"),
        ({"holds": "phone", "calling_code": "+33"}, "calling_code"),
        ({"holds": "email", "calling_code": "33"}, "__all__"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_at_its_field(
    manager: Client, emails: SuppressionList, said: dict[str, str], field: str
) -> None:
    page = manager.post(url("add"), {"name": "New", "holds": "contact_id", **said})
    assert page.status_code == 200 and field in page.context["adminform"].form.errors
    assert SuppressionList.objects.count() == 1


def test_a_list_that_an_action_names_is_not_archived(manager: Client, emails: SuppressionList) -> None:
    project = Project.objects.create(name="Newsletter")
    action = ActionDefinition.objects.create(
        project=project, identifier="opposition", kind="suppression", config={"list": "Opposition"}
    )
    page = manager.post(url("change", emails), {"note": "", "archived": "on"})
    assert "The action “opposition” uses this list." in text_of(page)
    ActionDefinition.objects.filter(pk=action.pk).update(archived=True)
    assert manager.post(url("change", emails), {"note": "", "archived": "on"}).status_code == 302
    emails.refresh_from_db()
    assert emails.archived
    assert manager.get(url("change", emails)).status_code == 200, "an archived list is looked at, and no more"
    assert manager.post(url("change", emails), {"note": "back"}).status_code == 403
    for name in ("upload", "add_entries"):
        assert manager.get(url(name, emails)).status_code == 404


def test_a_file_is_sent_whole_where_no_script_runs(manager: Client, emails: SuppressionList) -> None:
    file = SimpleUploadedFile("list.csv", b"email\n" + f"{ADDRESS}\n".encode() * 100_000)
    answer = manager.post(url("upload", emails), {"file": file, "reason": "Complaint", "last_day": "2099-01-31"})
    upload = SuppressionUpload.objects.get()
    assert answer.status_code == 302 and answer["Location"] == url("progress", upload)
    assert (upload.status, upload.pieces.count(), upload.by.get_username()) == ("received", 4, "manager.lyon")
    work_on("uploads", [upload.pk])
    entry = SuppressionEntry.objects.get()
    assert (entry.value, entry.reason, entry.added_by) == (ADDRESS, "Complaint", upload.by)
    assert entry.expires_at is not None and timezone.localtime(entry.expires_at).date().isoformat() == "2099-02-01"


def test_a_file_is_sent_in_pieces_by_the_script(manager: Client, emails: SuppressionList) -> None:
    content = f"{ADDRESS}\nnobody\n".encode()
    said = {"file_name": "list.csv", "size": str(len(content)), "reason": "Complaint", "last_day": ""}
    announced = manager.post(url("upload", emails), said).json()
    for start in (0, 0, 9):
        piece = SimpleUploadedFile("blob", content[start : start + 9] if start == 0 else content[9:])
        assert manager.post(announced["piece"], {"start": str(start), "file": piece}).status_code == 200
    upload = SuppressionUpload.objects.get()
    assert upload.status == "received" and announced["page"] == url("progress", upload)
    work_on("uploads", [upload.pk])
    assert stored() == [ADDRESS]


def test_pieces_out_of_step_too_big_or_of_somebody_else_are_refused(manager: Client, emails: SuppressionList) -> None:
    said = {"file_name": "list.csv", "size": "2000000", "reason": "", "last_day": ""}
    piece = manager.post(url("upload", emails), said).json()["piece"]

    def post(client: Client, start: str, size: int) -> int:
        return client.post(piece, {"start": start, "file": SimpleUploadedFile("blob", b"x" * size)}).status_code

    assert post(manager, "9", 9) == 409
    assert post(manager, "0", receive.PIECE_BYTES + 1) == 400
    assert post(manager, "-1", 9) == post(manager, "x", 9) == post(manager, "0", 0) == 400
    answer = manager.post(url("upload", emails), {**said, "size": "0", "last_day": "tomorrow"})
    assert answer.status_code == 400 and "The file is empty." in answer.json()["errors"]
    other = client_of("Administrator")
    assert post(other, "0", 9) == 404
    assert SuppressionUpload.objects.get().received == 0


def test_progress_is_told_to_people_and_to_the_script_without_a_value(
    manager: Client, emails: SuppressionList, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHUNK_ROWS = 2
    monkeypatch.setattr(upload_work, "TURN_SECONDS", 0.0)
    content = b"nobody.at.all\n" + b"".join(b"r%d@example.com\n" % number for number in range(7))
    file = SimpleUploadedFile("list.csv", content)
    manager.post(url("upload", emails), {"file": file, "reason": "", "last_day": ""})
    upload = SuppressionUpload.objects.get()
    work_on("uploads", [upload.pk])
    viewer = client_of("Viewer")
    told = viewer.get(url("state", upload)).json()
    assert not told["over"] and 0 < told["percent"] < 100
    assert told["figures"] == {"rows": "2", "added": "1", "extended": "0", "there": "0", "unreadable": "1"}
    page = text_of(viewer.get(url("progress", upload)))
    assert f'data-state="{url("state", upload)}"' in page and "Line 1: this is no e-mail address." in page
    while not (told := viewer.get(url("state", upload)).json())["over"]:
        work_on("uploads", [upload.pk])
    assert told["percent"] == 100 and told["figures"]["added"] == "7"
    page = text_of(viewer.get(url("progress", upload)))
    assert "data-state" not in page and "Lines that could not be read are not on the list." in page
    assert "nobody.at.all" not in page and "r1@example.com" not in page


def test_a_file_that_could_not_be_read_says_why(manager: Client, emails: SuppressionList) -> None:
    file = SimpleUploadedFile("list.xlsx", b"PK\x03\x04\x14\x00\x06\x00")
    manager.post(url("upload", emails), {"file": file, "reason": "", "last_day": ""})
    upload = SuppressionUpload.objects.get()
    work_on("uploads", [upload.pk])
    assert "This is not a CSV file." in text_of(manager.get(url("progress", upload)))
    assert "not read" in text_of(manager.get(url("change", emails)))


def test_entries_are_added_by_hand_and_the_history_tells_their_number_only(
    manager: Client, emails: SuppressionList
) -> None:
    put(emails, "old@example.com")
    typed = "Reader@Example.com\r\n\r\nold@example.com\r\nother@example.com\r\n"
    manager.post(url("add_entries", emails), {"values": typed, "reason": "Asked by phone", "last_day": ""})
    assert stored() == ["old@example.com", "other@example.com", ADDRESS]
    page = text_of(manager.get(url("history", emails)))
    assert "2 entries added." in page and "example.com" not in page


def test_what_is_typed_wrongly_is_said_with_its_line_and_nothing_is_added(
    manager: Client, emails: SuppressionList
) -> None:
    said = {"values": f"{ADDRESS}\nnobody\n", "reason": "x" * 201, "last_day": "9999-12-31"}
    errors = manager.post(url("add_entries", emails), said).context["form"].errors
    assert errors["values"] == ["Line 2: this is no e-mail address."]
    assert set(errors) == {"values", "reason", "last_day"} and stored() == []


@pytest.mark.parametrize("hashed", [False, True])
def test_an_entry_is_looked_for_and_removed(manager: Client, hashed: bool) -> None:
    found = SuppressionList.objects.create(name="Opposition", holds="email", hashed=hashed)
    put(found, ADDRESS, "other@example.com")
    page = text_of(manager.post(url("find_entry", found), {"value": " READER@example.com "}))
    assert "It is on the list." in page and "Complaint" in page
    manager.post(url("remove_entry", found), {"value": "READER@example.com"})
    found.refresh_from_db()
    assert found.entries == 1
    assert "It is not on the list." in text_of(manager.post(url("find_entry", found), {"value": ADDRESS}))
    again = manager.post(url("remove_entry", found), {"value": ADDRESS}, follow=True)
    assert "Nothing was removed." in text_of(again)
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["One entry removed."]
    entries.add(
        found.pk, {found.writing.key(ADDRESS): entries.NewEntry("", timezone.now() - DAY)}, by=None, now=timezone.now()
    )
    assert "does not count any more" in text_of(manager.post(url("find_entry", found), {"value": ADDRESS}))
    errors = manager.post(url("find_entry", found), {"value": "nobody"}).context["form"].errors
    assert errors["value"] == ["This is no e-mail address."]


def test_a_reviewer_finds_somebody_and_a_viewer_sees_names_and_numbers_only(emails: SuppressionList) -> None:
    put(emails, ADDRESS)
    reviewer = client_of("Reviewer")
    page = text_of(reviewer.post(url("find_entry", emails), {"value": ADDRESS}))
    assert "It is on the list." in page and "Remove from the list" not in page
    assert reviewer.post(url("remove_entry", emails), {"value": ADDRESS}).status_code == 403
    viewer = client_of("Viewer")
    page = text_of(viewer.get(url("change", emails)))
    assert "You may not see who is on the list." in page and url("upload", emails) not in page
    assert "Opposition" in text_of(viewer.get(url("changelist")))
    for name in ("upload", "add_entries", "find_entry", "remove_entry"):
        assert viewer.post(url(name, emails), {"value": ADDRESS, "values": "x@example.com"}).status_code == 403
    assert stored() == [ADDRESS]


def action_page(client: Client, **config: str) -> Any:
    said = {"identifier": "opposition", "run": "asked", "on_failure": "hold", "position": "0"}
    said |= {"project": str(Project.objects.get(name="Newsletter").pk)}
    said |= {"config__match": "properties.email", "config__reason": "", "config__if_missing": "hold"}
    where = reverse("admin:actions_actiondefinition_add") + "?kind=suppression"
    return client.post(where, said | {f"config__{name}": value for name, value in config.items()})


def test_an_action_chooses_among_the_lists_and_is_refused_others_at_the_field(manager: Client) -> None:
    Project.objects.create(name="Newsletter")
    shop = Project.objects.create(name="Shop")
    for name, more in (("Everywhere", {}), ("Of the shop", {"project": shop}), ("Gone", {"archived": True})):
        SuppressionList.objects.create(name=name, **more)
    page = manager.get(reverse("admin:actions_actiondefinition_add") + "?kind=suppression")
    field = page.context["adminform"].form.fields["config__list"]
    assert [name for name, _ in field.choices] == ["", "Everywhere", "Of the shop"]
    for name in ("", "Of the shop", "Gone", "Unheard of"):
        assert set(action_page(manager, list=name).context["adminform"].form.errors) == {"config__list"}, name
    assert action_page(manager, list="Everywhere").status_code == 302
    assert ActionDefinition.objects.get().config["list"] == "Everywhere"
