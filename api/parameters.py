"""Parameters of lists, and request bodies of verbs."""

from typing import Any

from rest_framework import serializers

from api.base import StrictSerializer, WordField
from sendouts.inquiries.export import TABS
from sendouts.models import Attention, DecisionVerdict, Status

LONGEST_NOTE = 2_000
MOST_ROWS = 1_000


def _id(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(required=False, min_value=0, max_value=2**63 - 1, help_text=help_text)


def _limit(rows: str, default: int, most: int) -> serializers.IntegerField:
    help_text = f"The maximum number of {rows}."
    return serializers.IntegerField(default=default, min_value=1, max_value=most, help_text=help_text)


class After(StrictSerializer):
    """A page of a list whose oldest rows come first."""

    after = _id("Only rows with a higher id than this.")
    limit = _limit("rows", default=100, most=1_000)


class DecisionsAsked(After):
    """A page of the decisions of a batch."""

    verdict = WordField(DecisionVerdict, required=False, help_text="Only decisions with this verdict.")


class BatchesAsked(StrictSerializer):
    """A page of the batches, newest first."""

    status = serializers.ChoiceField(choices=Status.choices, required=False, help_text="Only batches with this status.")
    project = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Only batches of the project with this id."
    )
    attention = serializers.ChoiceField(
        choices=[(code, label) for code, label in Attention.choices if code],
        required=False,
        help_text="Only batches that need a person for this reason.",
    )
    waiting = serializers.BooleanField(
        required=False,
        help_text="True: only open batches that wait for a person, in review or needing attention. False: only the "
        "others.",
    )
    before = _id("Only batches with a lower id than this.")
    limit = _limit("batches", default=50, most=200)


class StopAsked(StrictSerializer):
    """The body of every verb."""

    revision = serializers.IntegerField(
        min_value=1, help_text="The revision that you read. If the batch has changed since, nothing is done."
    )
    note = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=LONGEST_NOTE,
        help_text="The reason; it stays with the batch. Required to reject, to change decisions and to put on hold: "
        "without it the answer is `note_needed`.",
    )


class VerbAsked(StopAsked):
    """The body to accept or reject a batch."""

    undecided = serializers.ChoiceField(
        choices=["reject", "accept"],
        default="reject",
        help_text="What happens to the undecided contacts of an accepted batch. Ignored when you reject.",
    )
    take_on = serializers.BooleanField(
        default=False,
        help_text="Accept unreadable rows that have no address to reject them. Requires the permission to take on, and "
        "a note. Ignored when you reject.",
    )


class FindAsked(StrictSerializer):
    """The contact to find. The id is in the body, so that no log holds it."""

    contact_id = serializers.CharField(max_length=255, help_text="The exact id.")
    before = _id("Only decisions with a lower id than this: `next_before` of the previous page.")
    limit = _limit("decisions", default=25, most=200)


class ExportAsked(StrictSerializer):
    """Which decisions of a batch to export."""

    only = serializers.ChoiceField(
        choices=tuple(TABS), required=False, help_text="Only decisions with this verdict; `unread`: unreadable rows."
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="Only decisions with this reason code."
    )
    action = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Only decisions of this action, by its identifier."
    )


class Alike(StrictSerializer):
    """Which decisions: those with this `verdict` and, with `code` and `action`, only those with that reason."""

    verdict = WordField(DecisionVerdict, help_text="Their current verdict. `undecided` leaves out unreadable rows.")
    code = serializers.CharField(
        required=False, max_length=64, help_text="The code of their reason, as in `reasons` of the batch."
    )
    action = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=255,
        help_text="The action that gave the reason; empty if none did. Required with `code`.",
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("code" in asked) != ("action" in asked):
            raise serializers.ValidationError({"code": "Name a reason by its code and its action together."})
        return asked


class ChangeAsked(StopAsked):
    """The body to change decisions: those of `rows`, or all that are `alike`."""

    verdict = WordField(DecisionVerdict, help_text="The new verdict: `accepted` or `rejected`.")
    rows = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**32 - 1),
        required=False,
        allow_empty=False,
        max_length=MOST_ROWS,
        help_text="Places of contacts in the file or hook, counted from 0.",
    )
    alike = Alike(required=False)

    def validate_verdict(self, verdict: int) -> int:
        if verdict == DecisionVerdict.UNDECIDED:
            raise serializers.ValidationError("Choose `accepted` or `rejected`.")
        return verdict

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("rows" in asked) == ("alike" in asked):
            raise serializers.ValidationError({"rows": "Give either `rows` or `alike`."})
        if "alike" in asked and asked["alike"]["verdict"] == asked["verdict"]:
            raise serializers.ValidationError({"alike": "These decisions already have this verdict."})
        return asked
