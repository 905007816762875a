"""Pages by key: a page starts where the last one ended, and nothing is ever counted or skipped over."""

from typing import Any, cast

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from api.access import View


class OldestFirst(BasePagination):
    """Rows with rising ids; `after` is the id of the last one that was read."""

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
    """Rows with falling ids; `before` is the id of the last one that was read."""

    parameter, lookup, order = "before", "pk__lt", "-pk"
