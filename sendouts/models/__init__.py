"""What came in and what became of it."""

from sendouts.models.allowed_host import AllowedHost
from sendouts.models.batch import Attention, Batch, Chunk, Outcome, Status
from sendouts.models.decision import Answer, Decision, Verdict
from sendouts.models.event import Event, Word
from sendouts.models.plan import Plan
from sendouts.models.tempo import Tempo
from sendouts.models.webhook import Webhook

__all__ = [
    "AllowedHost",
    "Answer",
    "Attention",
    "Batch",
    "Chunk",
    "Decision",
    "Event",
    "Outcome",
    "Plan",
    "Status",
    "Tempo",
    "Verdict",
    "Webhook",
    "Word",
]
