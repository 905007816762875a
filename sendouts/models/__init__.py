"""Tables of sendouts: hooks, batches, decisions, effects and events."""

from sendouts.models.attention import Attention
from sendouts.models.batch import Batch, Chunk, Outcome, Plan, Status
from sendouts.models.bulk_change import BulkChange
from sendouts.models.decision import Answer, Decision, DecisionVerdict, KeptDecision, SharedUri
from sendouts.models.effect import EffectRun, PendingEffect
from sendouts.models.event import Event, EventWord
from sendouts.models.export_progress import Export
from sendouts.models.hold_reason import Hold
from sendouts.models.platform import AllowedHost, Tempo
from sendouts.models.spool import Spool
from sendouts.models.webhook import DoorWindow, Webhook

__all__ = [
    "AllowedHost",
    "Answer",
    "Attention",
    "Batch",
    "BulkChange",
    "Chunk",
    "Decision",
    "DecisionVerdict",
    "DoorWindow",
    "EffectRun",
    "Event",
    "EventWord",
    "Export",
    "Hold",
    "KeptDecision",
    "Outcome",
    "PendingEffect",
    "Plan",
    "SharedUri",
    "Spool",
    "Status",
    "Tempo",
    "Webhook",
]
