"""Answers that are sent while they are made, in the same memory however long they get."""

from collections.abc import AsyncIterator, Generator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

Parts = Generator[bytes, None, None]


def streamed(request: HttpRequest, parts: Parts, content_type: str, file_name: str) -> StreamingHttpResponse:
    """A download. Whoever leaves before its end closes `parts`, as the end does."""
    body = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Cache-Control": "no-store",
        # A proxy that keeps parts back would make what is told of the progress untrue.
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


async def _one_by_one(parts: Parts) -> AsyncIterator[bytes]:
    """Make each part in the request's own thread when it is asked for: Django would collect a plain iterator whole."""
    read = sync_to_async(lambda: next(parts, b""))
    try:
        while part := await read():
            yield part
    finally:
        await sync_to_async(parts.close)()
