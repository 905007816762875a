"""JSON forms of projects, batches, decisions and events."""

import json
import re
from typing import Any, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from actions.models import Project, Sendout
from api.base import DurationField, SecondsField, SentenceField, WordField
from sendouts import rules
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event, Hold, Status
from sendouts.outlook.forecast import SENDING, Forecast, forecast_of, lately
from sendouts.verbs.hold import on_hold
from sendouts.verbs.run_again import allowable
from sendouts.wording import batch_sentences
from sendouts.wording.sentences import show_text

_ADDRESS = re.compile(r"\w+://\S+")


def without_addresses(value: Any) -> Any:
    """Return a JSON value without its URLs: a reader could call them, or find a key in them."""
    if isinstance(value, str):
        return _ADDRESS.sub("…", value)
    if isinstance(value, list):
        return [without_addresses(each) for each in value]
    if isinstance(value, dict):
        return {_ADDRESS.sub("…", key): without_addresses(each) for key, each in value.items()}
    return value


class ParsedField(serializers.JSONField):
    """A JSON value that a plan holds as canonical text, without the URLs in it."""

    def to_representation(self, value: Any) -> Any:
        try:
            return without_addresses(json.loads(value))
        except RecursionError:
            return "(nested too deeply)"


@extend_schema_field(OpenApiTypes.OBJECT)
class ParsedObjectField(ParsedField):
    """Such a value that is always an object."""


class ProjectSerializer(serializers.ModelSerializer[Project]):
    answer_within = DurationField(read_only=True, help_text="In the form of the configuration file: 30s, 60m, 2h, 1d.")
    keep_fields = serializers.ListField(child=serializers.CharField(), read_only=True)
    show_fields = serializers.ListField(child=serializers.CharField(), read_only=True)
    empty_words = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Values that count as missing; case does not count."
    )

    class Meta:
        model = Project
        fields = [
            "id",
            "name",
            "declared",
            "archived",
            "review",
            "at_deadline",
            "answer_within",
            "keep_contacts",
            "keep_fields",
            "show_fields",
            "empty_words",
            "second_person_from",
            "no_own_changes",
            "created_at",
        ]
        read_only_fields = fields


class NamedProjectSerializer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ["id", "name"]
        read_only_fields = fields


class NamedSendoutSerializer(serializers.ModelSerializer[Sendout]):
    class Meta:
        model = Sendout
        fields = ["id", "journey", "name"]
        read_only_fields = fields


class SentenceSerializer(serializers.Serializer[Any]):
    """A code for programs and a sentence for people."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    verdict = WordField(DecisionVerdict)
    code = serializers.CharField()
    text = SentenceField()
    action = serializers.CharField()
    contacts = serializers.IntegerField()

    def to_representation(self, instance: list[Any]) -> dict[str, Any]:
        """Name the parts of one line of `Batch.reasons`."""
        return super().to_representation(dict(zip(self.fields, instance, strict=True)))


class OriginSerializer(serializers.Serializer[Any]):
    """Why an action is in the plan."""

    level = serializers.ChoiceField(choices=["project", "sendout"])
    definition_id = serializers.IntegerField()
    asked = serializers.BooleanField(help_text="True: the hook named the action. False: the action always runs.")
    identifier = serializers.CharField()


class PlannedActionSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField()
    kind = serializers.CharField()
    phase = serializers.CharField()
    config = ParsedObjectField(help_text="The configuration, without addresses.")
    on_failure = serializers.CharField()
    details = ParsedField(help_text="What the hook sent beside the identifier, without addresses.")
    origins = OriginSerializer(many=True)


class UnknownActionSerializer(serializers.Serializer[Any]):
    """An action that the hook named and nobody has defined."""

    identifier = serializers.CharField()
    details = ParsedField()


class PlanSerializer(serializers.Serializer[Any]):
    actions = PlannedActionSerializer(many=True)
    unknown = UnknownActionSerializer(many=True)


class FailureSerializer(serializers.Serializer[Any]):
    """An action that could not judge some contacts, and the result for them."""

    identifier = serializers.CharField()
    kind = serializers.CharField()
    step = serializers.IntegerField()
    sentence = SentenceField()
    contacts = serializers.IntegerField()
    became = serializers.CharField()


class ForecastSerializer(serializers.Serializer[Any]):
    """When the rejections of a batch will be confirmed, at the current rate; null if none are being sent."""

    ends_at = serializers.DateTimeField()
    in_time = serializers.BooleanField(help_text="Whether that is before the deadline.")
    spare_seconds = SecondsField(source="spare", help_text="From then to the deadline; negative if it is too late.")
    silent = serializers.BooleanField(help_text="Whether the platform takes no calls at the moment.")

    def get_attribute(self, instance: Batch) -> Forecast | None:
        if instance.status not in SENDING:
            return None
        # Queried once for a whole list, whose serializers share one context.
        shared = cast(dict[str, Any], self.context)
        if "lately" not in shared:
            now = timezone.now()
            shared["lately"] = lately(now), now
        return forecast_of(instance, *shared["lately"])


class FirstAcceptanceSerializer(serializers.Serializer[Any]):
    """The first of two acceptances; a second person must accept as well."""

    user = serializers.CharField(source="first_accepted_by.username")
    at = serializers.DateTimeField(source="first_accepted_at")
    undecided = serializers.ChoiceField(
        source="first_undecided",
        choices=["reject", "accept"],
        help_text="The first person's choice for the undecided contacts; the second person must choose the same.",
    )

    def get_attribute(self, instance: Batch) -> Batch | None:
        waits = instance.status == Status.IN_REVIEW and rules.is_first_accepted(instance)
        return instance if waits else None


class HoldSerializer(serializers.Serializer[Any]):
    """Who put a batch on hold, and why. Nothing happens at the deadline until a person lifts the hold."""

    by = serializers.CharField(source="user.username")
    at = serializers.DateTimeField()
    note = serializers.CharField()
    declared = serializers.CharField(help_text="The value of `at_deadline` once the hold is lifted.")

    def get_attribute(self, instance: Batch) -> Hold | None:
        return on_hold(instance)


class RunningChangeSerializer(serializers.Serializer[Any]):
    """A running change of many decisions; until it has ended, nobody can accept or reject the batch."""

    by = serializers.CharField(source="user.username")
    at = serializers.DateTimeField(source="begun_at")
    note = serializers.CharField()
    verdict = WordField(DecisionVerdict)
    contacts = serializers.IntegerField(source="expected", help_text="How many contacts it will change.")
    changed = serializers.IntegerField(help_text="How many contacts have been changed so far.")
    share = serializers.FloatField(help_text="Share of the batch's rows that have been looked at, from 0 to 1.")


class BatchSerializer(serializers.ModelSerializer[Batch]):
    """A batch as lists show it."""

    project = NamedProjectSerializer(read_only=True)
    sendout = NamedSendoutSerializer(read_only=True)
    attention = serializers.SerializerMethodField()
    held_for = serializers.SerializerMethodField()
    forecast = ForecastSerializer(read_only=True, allow_null=True)
    first_acceptance = FirstAcceptanceSerializer(read_only=True, allow_null=True)
    timed_out = serializers.IntegerField(read_only=True, help_text="How many contacts took the “timed out” way.")

    class Meta:
        model = Batch
        fields = [
            "id",
            "source",
            "project",
            "sendout",
            "status",
            "outcome",
            "attention",
            "held_for",
            "revision",
            "review",
            "at_deadline",
            "received_at",
            "deadline",
            "decided_at",
            "ended_at",
            "file_complete",
            "total",
            "accepted",
            "rejected",
            "undecided",
            "unread",
            "confirmed",
            "taken_on",
            "unread_taken_on",
            "final",
            "timed_out",
            "forecast",
            "first_acceptance",
        ]
        read_only_fields = fields

    @extend_schema_field(SentenceSerializer(allow_null=True))
    def get_attention(self, batch: Batch) -> dict[str, str] | None:
        return {"code": batch.attention, "sentence": batch_sentences.attention(batch)} if batch.attention else None

    @extend_schema_field(SentenceSerializer(many=True))
    def get_held_for(self, batch: Batch) -> list[dict[str, str]]:
        found = zip(batch.held_for, batch_sentences.holds(batch), strict=True)
        return [{"code": code, "sentence": sentence} for code, sentence in found]


class WholeBatchSerializer(BatchSerializer):
    """A batch with its plan and the reasons of its decisions."""

    plan = PlanSerializer(source="plan.content", read_only=True)
    reasons = ReasonSerializer(many=True, read_only=True)
    failures = FailureSerializer(many=True, read_only=True)
    hosts_to_allow = serializers.SerializerMethodField(
        help_text="The hosts for which the batch waits, and which `allow-host` puts on the list of allowed hosts."
    )
    hold = HoldSerializer(read_only=True, allow_null=True)
    change = RunningChangeSerializer(source="running_change", read_only=True, allow_null=True)

    class Meta(BatchSerializer.Meta):
        fields = [*BatchSerializer.Meta.fields, "plan", "reasons", "failures", "hosts_to_allow", "hold", "change"]
        read_only_fields = fields

    def get_hosts_to_allow(self, batch: Batch) -> list[str]:
        return allowable(batch)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """What was decided on one contact; its URI is never shown."""

    id = serializers.IntegerField(read_only=True, help_text="64 bits, more than a JavaScript number holds exactly.")
    row = serializers.IntegerField(read_only=True, help_text="The contact's place in the file or hook, counted from 0.")
    contact_id = serializers.SerializerMethodField(help_text="Null without the permission to see contacts.")
    verdict = WordField(DecisionVerdict, read_only=True)
    text = SentenceField(read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", default=None, allow_null=True, read_only=True, help_text="Null if no person did."
    )
    evidence_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="The time of the record on which a check relied, such as a consent.",
    )
    answer = WordField(Answer, read_only=True, help_text="The platform's answer to the rejection.")

    class Meta:
        model = Decision
        fields = [
            "id",
            "contact_id",
            "row",
            "verdict",
            "unread",
            "reason",
            "text",
            "action",
            "evidence_at",
            "decided_by",
            "answer",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_contact_id(self, decision: Decision) -> str | None:
        return decision.contact_id if self.context["sees_contacts"] else None


class EventSerializer(serializers.ModelSerializer[Event]):
    user = serializers.CharField(
        source="user.username",
        default=None,
        allow_null=True,
        read_only=True,
        help_text="Null: the gateway itself.",
    )

    class Meta:
        model = Event
        fields = ["id", "at", "word", "old", "new", "user", "note", "data"]
        read_only_fields = fields

    def to_representation(self, instance: Event) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if shown["data"].get("text"):
            shown["data"] = shown["data"] | {"text": show_text(shown["data"]["text"])}
        return shown
