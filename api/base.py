"""Shared parts of the API: value fields, a view with permissions and parameters, and keyset pagination."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar, cast

from django.db.models import IntegerChoices, QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from actions import access
from actions.config import durations
from api import errors
from sendouts.wording.sentences import show_text


class WordField(serializers.ChoiceField):
    """A choice that the database stores as a number and programs read and write as its word, such as `rejected`."""

    def __init__(self, words: type[IntegerChoices], **kwargs: Any) -> None:
        self.words = words
        super().__init__(choices=[word.name.lower() for word in words], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return int(self.words[str(super().to_internal_value(data)).upper()])

    def to_representation(self, value: Any) -> str:
        return self.words(value).name.lower()


@extend_schema_field(OpenApiTypes.STR)
class DurationField(serializers.Field[timedelta, str, str, timedelta]):
    """A duration as the configuration file writes it: `30s`, `60m`, `2h`, `1d`."""

    def to_representation(self, value: timedelta) -> str:
        return durations.write(value)


@extend_schema_field(OpenApiTypes.INT)
class SecondsField(serializers.Field[timedelta, int, int, timedelta]):
    """A duration in whole seconds."""

    def to_representation(self, value: timedelta) -> int:
        return round(value.total_seconds())


@extend_schema_field(OpenApiTypes.STR)
class SentenceField(serializers.Field[str, str, str, str]):
    """A text for people: a sentence of the gateway in the reader's language, or a text of staff and other kinds."""

    def to_representation(self, value: str) -> str:
        return show_text(value)


class StrictSerializer(serializers.Serializer[Any]):
    """Input that refuses unknown names, so that a misspelt filter or choice is not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                sentence = _("This is not known here. Known are: %(names)s.") % {"names": ", ".join(self.fields)}
                raise serializers.ValidationError({str(name): [sentence] for name in unknown})
        return super().to_internal_value(data)


class MayLook(BasePermission):
    """Allow users with the view's permissions. The stage that carries out a verb checks the permission to decide."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(view, View) and request.user.is_authenticated and request.user.has_perms(view.needs)


class ParametersSchema(AutoSchema):
    """The schema of a view, with the parameters that the view names."""

    def get_override_parameters(self) -> list[Any]:
        parameters = cast(View, self.view).parameters
        return [] if parameters is StrictSerializer else [parameters]


class View(GenericAPIView[Any]):
    """Base of all views: required permissions, uniform errors, validated parameters, and rows that the reader may see.

    project: the path from a row to its project.
    """

    permission_classes = [MayLook]
    schema = ParametersSchema()
    needs: ClassVar[tuple[str, ...]] = ("sendouts.view_batch",)
    parameters: ClassVar[type[StrictSerializer]] = StrictSerializer
    project: ClassVar[str] = "project"

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(access.within(self.request.user, self.project))

    def get_exception_handler(self) -> Callable[..., Any]:
        return errors.handle

    @cached_property
    def asked(self) -> dict[str, Any]:
        """Return the validated parameters of the request."""
        asked = self.parameters(data=self.request.query_params.dict())
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)


class OldestFirst(BasePagination):
    """Pages of rows by rising id; `after` is the id of the last row that was read."""

    parameter, lookup, order = "after", "pk__gt", "pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """Read one row more than the page holds, to know whether another page follows."""
        asked = cast(View, view).asked
        if self.parameter in asked:
            queryset = queryset.filter(**{self.lookup: asked[self.parameter]})
        rows = list(queryset.order_by(self.order)[: asked["limit"] + 1])
        self.next: str | None = None
        if len(rows) > asked["limit"]:
            rows.pop()
            self.next = replace_query_param(request.build_absolute_uri(), self.parameter, rows[-1].pk)
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {
            "type": "string",
            "format": "uri",
            "nullable": True,
            "description": "The address of the following page; null on the last one.",
        }
        return {
            "type": "object",
            "required": ["next", "results"],
            "properties": {"next": following, "results": schema},
        }


class NewestFirst(OldestFirst):
    """Pages of rows by falling id; `before` is the id of the last row that was read."""

    parameter, lookup, order = "before", "pk__lt", "-pk"
