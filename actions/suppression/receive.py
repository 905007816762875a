"""Reception of files: pieces are stored as they arrive, and the file is due once it is complete."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from actions.suppression.models import SuppressionList, SuppressionPiece, SuppressionUpload
from work import claims

# Size of a browser's request, below the limit of the proxy in front of the screens.
PIECE_BYTES = 512_000
Status = SuppressionUpload.Status


class OutOfStep(Exception):
    """This piece does not follow the received ones."""


def begin(
    of: SuppressionList,
    *,
    by: int,
    file_name: str,
    size: int,
    reason: str = "",
    expires_at: datetime | None = None,
    column: str = "",
) -> SuppressionUpload:
    """Announce a file of `size` bytes; `column` is the heading or number of the one with the entries, if chosen."""
    return SuppressionUpload.objects.create(
        suppression_list=of,
        by_id=by,
        file_name=file_name[-255:],
        size=size,
        reason=reason,
        expires_at=expires_at,
        column=column,
    )


def append(upload_id: int, start: int, content: bytes) -> SuppressionUpload:
    """Store a piece; ignore an existing one, since browsers repeat unanswered requests.

    Raise OutOfStep if it would leave a gap, or exceed the announced size.
    """
    with transaction.atomic():
        upload = SuppressionUpload.objects.select_for_update(of=("self",)).get(pk=upload_id)
        end = start + len(content)
        if end <= upload.received:
            return upload
        if upload.status != Status.RECEIVING or start != upload.received or end > upload.size:
            raise OutOfStep
        SuppressionPiece.objects.create(upload=upload, start=start, end=end, content=content)
        upload.received = end
        if end == upload.size:
            upload.status, upload.due_at = Status.RECEIVED, claims.database_now()
        upload.save(update_fields=["received", "status", "due_at"])
    return upload


def take(upload: SuppressionUpload, pieces: Iterable[bytes]) -> SuppressionUpload:
    """Store a whole file."""
    for piece in pieces:
        upload = append(upload.pk, upload.received, piece)
    return upload
