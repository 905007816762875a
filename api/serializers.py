"""JSON forms of projects, batches, decisions and events."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from actions.models import Project, Sendout
from api import representation
from api.base import DurationField, SentenceField, WordField
from sendouts.models import Answer, Batch, Decision, DecisionVerdict, Event
from sendouts.outlook.forecast import SENDING, forecast_of, lately
from sendouts.verbs.hold import on_hold


class ProjectSerializer(serializers.ModelSerializer[Project]):
    answer_within = DurationField(read_only=True, help_text="As the configuration file writes it: 30s, 60m, 2h, 1d.")
    keep_fields = serializers.ListField(child=serializers.CharField(), read_only=True)
    show_fields = serializers.ListField(child=serializers.CharField(), read_only=True)

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
    verdict = serializers.ChoiceField(choices=[verdict.name.lower() for verdict in DecisionVerdict])
    code = serializers.CharField()
    text = serializers.CharField()
    action = serializers.CharField()
    contacts = serializers.IntegerField()


class OriginSerializer(serializers.Serializer[Any]):
    """Why an action is in the plan."""

    level = serializers.ChoiceField(choices=["project", "sendout"])
    definition_id = serializers.IntegerField()
    asked = serializers.BooleanField(help_text="The hook named it; else it always runs.")
    identifier = serializers.CharField()


class PlannedActionSerializer(serializers.Serializer[Any]):
    identifier = serializers.CharField()
    kind = serializers.CharField()
    phase = serializers.CharField()
    config = serializers.DictField(help_text="Addresses in it are left out.")
    on_failure = serializers.CharField()
    details = serializers.JSONField(help_text="What the hook said beside the identifier; addresses are left out.")
    origins = OriginSerializer(many=True)


class UnknownActionSerializer(serializers.Serializer[Any]):
    """What the hook named and nobody defined."""

    identifier = serializers.CharField()
    details = serializers.JSONField()


class PlanSerializer(serializers.Serializer[Any]):
    actions = PlannedActionSerializer(many=True)
    unknown = UnknownActionSerializer(many=True)


class FailureSerializer(serializers.Serializer[Any]):
    """An action that could not judge some contacts, and what became of them."""

    identifier = serializers.CharField()
    kind = serializers.CharField()
    step = serializers.IntegerField()
    sentence = serializers.CharField()
    contacts = serializers.IntegerField()
    became = serializers.CharField()


class ForecastSerializer(serializers.Serializer[Any]):
    """When the rejections of a batch will be confirmed, if all goes on as it does now."""

    ends_at = serializers.DateTimeField()
    in_time = serializers.BooleanField(help_text="Before the deadline.")
    spare_seconds = serializers.IntegerField(help_text="Until the deadline then; negative where it is not in time.")
    silent = serializers.BooleanField(help_text="The platform takes no calls at the moment.")


class FirstAcceptanceSerializer(serializers.Serializer[Any]):
    """Somebody accepted as the first of two people; a second one must accept as well."""

    user = serializers.CharField()
    at = serializers.DateTimeField()
    undecided = serializers.ChoiceField(
        choices=["reject", "accept"],
        help_text="What they chose for the undecided; the second person must choose the same.",
    )


class HoldSerializer(serializers.Serializer[Any]):
    """Who put a batch on hold; until that is lifted, nothing happens to it by itself at the deadline."""

    by = serializers.CharField()
    at = serializers.DateTimeField()
    note = serializers.CharField()
    declared = serializers.CharField(help_text="What `at_deadline` is again once the hold is lifted.")


class RunningChangeSerializer(serializers.Serializer[Any]):
    """A change of many decisions that is under way; until it is done, nobody accepts or rejects the batch."""

    by = serializers.CharField()
    at = serializers.DateTimeField()
    note = serializers.CharField()
    verdict = serializers.ChoiceField(choices=[verdict.name.lower() for verdict in DecisionVerdict])
    contacts = serializers.IntegerField(help_text="How many it is about.")
    changed = serializers.IntegerField(help_text="How many are changed by now.")
    share = serializers.FloatField(help_text="Of the rows that were looked at, from 0 to 1.")


class BatchSerializer(serializers.ModelSerializer[Batch]):
    """A batch as lists show it."""

    project = NamedProjectSerializer(read_only=True)
    sendout = NamedSendoutSerializer(read_only=True)
    attention = serializers.SerializerMethodField()
    held_for = serializers.SerializerMethodField()
    forecast = serializers.SerializerMethodField()
    first_acceptance = serializers.SerializerMethodField()
    timed_out = serializers.IntegerField(read_only=True, help_text="Contacts that left on the “timed out” way.")

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
        return representation.attention(batch)

    @extend_schema_field(ForecastSerializer(allow_null=True))
    def get_forecast(self, batch: Batch) -> dict[str, Any] | None:
        if batch.status not in SENDING:
            return None
        # Queried once for a whole list, whose serializers share one context.
        shared = cast(dict[str, Any], self.context)
        if "lately" not in shared:
            now = timezone.now()
            shared["lately"] = lately(now), now
        return representation.forecast(forecast_of(batch, *shared["lately"]))

    @extend_schema_field(FirstAcceptanceSerializer(allow_null=True))
    def get_first_acceptance(self, batch: Batch) -> dict[str, Any] | None:
        return representation.first_acceptance(batch)

    @extend_schema_field(SentenceSerializer(many=True))
    def get_held_for(self, batch: Batch) -> list[dict[str, str]]:
        return representation.held_for(batch)


class WholeBatchSerializer(BatchSerializer):
    """A batch with its plan and the reasons of its decisions."""

    plan = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    failures = serializers.SerializerMethodField()
    hold = serializers.SerializerMethodField()
    change = serializers.SerializerMethodField()

    class Meta(BatchSerializer.Meta):
        fields = [*BatchSerializer.Meta.fields, "plan", "reasons", "failures", "hold", "change"]
        read_only_fields = fields

    @extend_schema_field(FailureSerializer(many=True))
    def get_failures(self, batch: Batch) -> list[dict[str, Any]]:
        return representation.failures(batch)

    @extend_schema_field(PlanSerializer)
    def get_plan(self, batch: Batch) -> dict[str, Any]:
        return representation.plan(batch)

    @extend_schema_field(RunningChangeSerializer(allow_null=True))
    def get_change(self, batch: Batch) -> dict[str, Any] | None:
        return representation.change(batch.running_change, batch)

    @extend_schema_field(HoldSerializer(allow_null=True))
    def get_hold(self, batch: Batch) -> dict[str, Any] | None:
        return representation.hold(on_hold(batch))

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, batch: Batch) -> list[dict[str, Any]]:
        return representation.reasons(batch)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """What was decided on one contact; its URI is never shown."""

    id = serializers.IntegerField(read_only=True, help_text="64 bits: more than a JavaScript number holds exactly.")
    row = serializers.IntegerField(read_only=True, help_text="The place in the file or hook, counted from 0.")
    contact_id = serializers.SerializerMethodField(help_text="Null without the permission to see contacts.")
    verdict = WordField(DecisionVerdict, read_only=True)
    text = SentenceField(read_only=True)
    decided_by = serializers.CharField(
        source="decided_by.username", default=None, allow_null=True, read_only=True, help_text="Null: no person did."
    )
    evidence_at = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="When that was recorded on which the checks judged, such as a consent.",
    )
    answer = WordField(Answer, read_only=True, help_text="What the platform said to the rejection.")

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
        source="user.username", default=None, allow_null=True, read_only=True, help_text="Null: the gateway itself."
    )

    class Meta:
        model = Event
        fields = ["id", "at", "word", "old", "new", "user", "note", "data"]
        read_only_fields = fields

    def to_representation(self, instance: Event) -> dict[str, Any]:
        return super().to_representation(instance) | {"data": representation.event_data(instance)}
