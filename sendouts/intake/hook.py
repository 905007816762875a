"""A hook that is received but not stored yet."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from actions.secrets.at_rest import AtRest


@dataclass(slots=True)
class Received:
    """One hook on its way into the table; received_at is aware, and the start of its time limit."""

    body: AtRest
    content_type: str
    received_at: datetime
    source: str = "http"
    uuid: UUID = field(default_factory=uuid4)
