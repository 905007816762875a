"""Endpoints for programs that may see contacts: find a contact's decisions, and export those of a batch as CSV."""

from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import errors
from api.base import SentenceField, View, WordField
from api.parameters import ExportAsked, FindAsked
from api.serializers import NamedProjectSerializer, NamedSendoutSerializer
from sendouts.inquiries import export, find
from sendouts.inquiries import fate as inquiry_fate
from sendouts.inquiries.csv import CsvForm
from sendouts.inquiries.export import ExportChoice
from sendouts.inquiries.fate import Fate, Found
from sendouts.inquiries.streaming import streamed
from sendouts.models import Answer, Batch, DecisionVerdict, Outcome, Status
from sendouts.verbs import base
from sendouts.verbs.base import NotDone


class FoundSerializer(serializers.Serializer[Any]):
    """One decision about the contact, and its result."""

    id = serializers.IntegerField(source="decision.pk", help_text="The id of the decision; 64 bits.")
    batch = serializers.IntegerField(source="batch.pk")
    row = serializers.IntegerField(source="decision.row", help_text="Its place in the file or hook, counted from 0.")
    project = NamedProjectSerializer(source="batch.project")
    sendout = NamedSendoutSerializer(source="batch.sendout")
    received_at = serializers.DateTimeField(source="batch.received_at")
    ended_at = serializers.DateTimeField(source="batch.ended_at", allow_null=True)
    status = serializers.ChoiceField(source="batch.status", choices=Status.choices)
    outcome = serializers.ChoiceField(source="batch.outcome", choices=Outcome.choices)
    fate = serializers.ChoiceField(
        choices=[each.value for each in Fate],
        help_text="got: the message went out. not: the rejection is confirmed. late: the contact timed out. "
        "open: nothing is final yet. unknown: the platform did not confirm.",
    )
    sentence = serializers.SerializerMethodField(help_text="The result and its reason, for people.")
    verdict = WordField(DecisionVerdict, source="decision.verdict")
    unread = serializers.BooleanField(source="decision.unread")
    reason = serializers.CharField(source="decision.reason")
    text = SentenceField(source="decision.text")
    action = serializers.CharField(source="decision.action")
    evidence_at = serializers.DateTimeField(source="decision.evidence_at", allow_null=True)
    decided_by = serializers.CharField(source="decision.decided_by.username", default=None, allow_null=True)
    answer = WordField(Answer, source="decision.answer", help_text="The platform's answer to the rejection.")
    answer_status = serializers.IntegerField(source="decision.answer_status", help_text="0 if no answer had a code.")
    ruled_by = serializers.SerializerMethodField(help_text="Who accepted or rejected the batch; null if no person did.")
    wrote = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Sentences about data written for the contact."
    )

    def get_sentence(self, found: Found) -> str:
        return inquiry_fate.sentence(found, self.context["now"])

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_ruled_by(self, found: Found) -> str | None:
        ruled = found.ruling
        return ruled.user.get_username() if ruled is not None and ruled.user is not None else None


class FindingsSerializer(serializers.Serializer[Any]):
    """A page of decisions, newest first."""

    next_before = serializers.IntegerField(
        allow_null=True, help_text="The next `before`; null if nothing is older. A page may be short."
    )
    results = FoundSerializer(many=True)


class Find(View):
    """All decisions about one contact, over all sendouts."""

    needs = (base.VIEW_CONTACTS, *View.needs)
    serializer_class = FindAsked
    queryset = Batch.objects.none()

    @extend_schema(summary="Find a contact", responses={200: FindingsSerializer, **errors.REFUSALS})
    def post(self, request: Request) -> Response:
        """Every decision about one contact id, newest first, in the projects that you see. It changes nothing."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        found = find.find(
            values["contact_id"], cast(User, request.user), before=values.get("before"), limit=values["limit"]
        )
        shown = FoundSerializer(found.found, many=True, context={"now": timezone.now()})
        return Response({"next_before": found.before, "results": shown.data})


class ExportView(View):
    """The decisions of a batch as CSV."""

    needs = (base.VIEW_CONTACTS, *View.needs)
    serializer_class = ExportAsked
    queryset = Batch.objects.select_related("project", "sendout").defer("finish_uri", "download_uri")

    @extend_schema(
        summary="Export the decisions of a batch", responses={(200, "text/csv"): OpenApiTypes.STR, **errors.REFUSALS}
    )
    def post(self, request: Request, pk: int) -> HttpResponseBase:
        """CSV in UTF-8 with commas, streamed. The history of the batch names you.
        A cell that looks like a formula begins with `'`.
        """
        asked = self.get_serializer(data=request.data)
        user = cast(User, request.user)
        batch = self.get_object()
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        choice = ExportChoice(values.get("only", ""), reason=values.get("reason"), action=values.get("action"))
        try:
            begun = export.begin(batch, user, choice, now=timezone.now())
        except NotDone as problem:
            return errors.refusal(problem, None)
        body = export.parts(begun, choice, export.for_programs(), CsvForm(bom=False))
        return streamed(request._request, body, "text/csv; charset=utf-8", export.file_name(batch))
