"""Streamed responses: sent while they are made, in constant memory."""

from collections.abc import AsyncIterator, Generator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

Parts = Generator[bytes, None, None]


def streamed(request: HttpRequest, parts: Parts, content_type: str, file_name: str) -> StreamingHttpResponse:
    """Return a download; `parts` is closed at its end, and also if the client disconnects."""
    body = _one_by_one(parts) if isinstance(request, ASGIRequest) else parts
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "Cache-Control": "no-store",
        # A proxy that buffers would make the reported progress wrong.
        "X-Accel-Buffering": "no",
    }
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


async def _one_by_one(parts: Parts) -> AsyncIterator[bytes]:
    """Make each part on demand in the request's thread; Django would collect a plain iterator whole."""
    read = sync_to_async(lambda: next(parts, b""))
    try:
        while part := await read():
            yield part
    finally:
        await sync_to_async(parts.close)()
