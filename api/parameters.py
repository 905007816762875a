"""Parameters of lists, and request bodies of verbs."""

from typing import Any

from rest_framework import serializers

from api.base import StrictSerializer, WordField
from sendouts.inquiries.export import TABS
from sendouts.models import Attention, DecisionVerdict, Status

LONGEST_NOTE = 2_000
MOST_ROWS = 1_000
_HIGHEST_ID = 2**63 - 1


class After(StrictSerializer):
    """A page of a list whose oldest rows come first."""

    after = serializers.IntegerField(
        required=False, min_value=0, max_value=_HIGHEST_ID, help_text="Only rows with a higher id than this."
    )
    limit = serializers.IntegerField(default=100, min_value=1, max_value=1_000, help_text="At most so many rows.")


class DecisionsAsked(After):
    """A page of the decisions of a batch."""

    verdict = WordField(DecisionVerdict, required=False, help_text="Only decisions that say this.")


class BatchesAsked(StrictSerializer):
    """A page of the batches, newest first."""

    status = serializers.ChoiceField(
        choices=Status.choices, required=False, help_text="Only batches whose last completed stage is this."
    )
    project = serializers.IntegerField(
        required=False, min_value=1, max_value=_HIGHEST_ID, help_text="Only batches of the project with this id."
    )
    attention = serializers.ChoiceField(
        choices=[(code, label) for code, label in Attention.choices if code],
        required=False,
        help_text="Only batches that need a person for this reason.",
    )
    waiting = serializers.BooleanField(
        required=False,
        help_text="True: only open batches that wait for a person, in review or needing attention. False: only the "
        "rest.",
    )
    before = serializers.IntegerField(
        required=False, min_value=0, max_value=_HIGHEST_ID, help_text="Only batches with a lower id than this."
    )
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200, help_text="At most so many batches.")


class StopAsked(StrictSerializer):
    """What a person or program says with every verb."""

    revision = serializers.IntegerField(
        min_value=1, help_text="The revision that was read: nothing is done when the batch has changed since."
    )
    note = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=LONGEST_NOTE,
        help_text="Why; it stays with the batch. Required to reject, to change decisions and to put on hold: without "
        "it the answer is `note_needed`.",
    )


class VerbAsked(StopAsked):
    """What a person or program says when it accepts or rejects a batch."""

    undecided = serializers.ChoiceField(
        choices=["reject", "accept"],
        default="reject",
        help_text="Accepting: what becomes of the undecided contacts. Rejecting does not look at it.",
    )
    take_on = serializers.BooleanField(
        default=False,
        help_text="Accepting: you answer for rows that could not be read and have no address to reject them. "
        "Needs the permission to take on, and a note. Rejecting does not look at it.",
    )


class FindAsked(StrictSerializer):
    """Whom to look for. The id travels in the body, so that no log holds it."""

    contact_id = serializers.CharField(max_length=255, help_text="The exact id, as in your own files.")
    before = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_HIGHEST_ID,
        help_text="Only decisions with a lower id than this: `next_before` of the page before.",
    )
    limit = serializers.IntegerField(default=25, min_value=1, max_value=200, help_text="At most so many decisions.")


class ExportAsked(StrictSerializer):
    """Which decisions of a batch are written."""

    only = serializers.ChoiceField(
        choices=TABS, required=False, help_text="Only decisions that say this; `unread`: rows that could not be read."
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="Only decisions with this reason code."
    )
    action = serializers.CharField(
        required=False, allow_blank=True, max_length=255, help_text="Only decisions of this action, by its identifier."
    )


class Alike(StrictSerializer):
    """Which decisions: those that say `verdict`, and with a `code` or `action` only those whose reason these are."""

    verdict = WordField(DecisionVerdict, help_text="What they say now. `undecided` leaves out what could not be read.")
    code = serializers.CharField(
        required=False, max_length=64, help_text="The code of their reason, as `reasons` of the batch has it."
    )
    action = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=255,
        help_text="The action that gave the reason; empty where none did. Needed beside `code`.",
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("code" in asked) != ("action" in asked):
            raise serializers.ValidationError({"code": "A reason is named by its code and its action together."})
        return asked


class ChangeAsked(StopAsked):
    """What a person or program says when it changes decisions: those of `rows`, or all that are `alike`."""

    verdict = WordField(DecisionVerdict, help_text="What they become: `accepted` or `rejected`.")
    rows = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=2**32 - 1),
        required=False,
        allow_empty=False,
        max_length=MOST_ROWS,
        help_text="Their places in the file or hook, counted from 0.",
    )
    alike = Alike(required=False)

    def validate_verdict(self, verdict: int) -> int:
        if verdict == DecisionVerdict.UNDECIDED:
            raise serializers.ValidationError("A person accepts or rejects.")
        return verdict

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if ("rows" in asked) == ("alike" in asked):
            raise serializers.ValidationError({"rows": "Name either rows or what is alike."})
        if "alike" in asked and asked["alike"]["verdict"] == asked["verdict"]:
            raise serializers.ValidationError({"alike": "They are that already."})
        return asked
