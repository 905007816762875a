"""What came in and what became of it."""

from sendouts.models.alarm import Alarm, Code, Notice
from sendouts.models.allowed_host import AllowedHost
from sendouts.models.api_token import ApiToken
from sendouts.models.batch import Attention, Batch, Chunk, Outcome, Status
from sendouts.models.bulk_change import BulkChange
from sendouts.models.decision import Answer, Decision, Verdict
from sendouts.models.door_window import DoorWindow
from sendouts.models.effect import EffectRun, PendingEffect
from sendouts.models.event import Event, Word
from sendouts.models.export import Export
from sendouts.models.hold import Hold
from sendouts.models.kept_decision import KeptDecision
from sendouts.models.message import Channel, Message, Occasion, ReaderLanguage, Subscription
from sendouts.models.plan import Plan
from sendouts.models.preference import Preference
from sendouts.models.pulse import Pulse
from sendouts.models.reach import Reach
from sendouts.models.tempo import Tempo
from sendouts.models.webhook import Webhook

__all__ = [
    "Alarm",
    "AllowedHost",
    "Answer",
    "ApiToken",
    "Attention",
    "Batch",
    "BulkChange",
    "Channel",
    "Chunk",
    "Code",
    "Decision",
    "DoorWindow",
    "EffectRun",
    "Event",
    "Export",
    "Hold",
    "KeptDecision",
    "Message",
    "Notice",
    "Occasion",
    "Outcome",
    "PendingEffect",
    "Plan",
    "Preference",
    "Pulse",
    "Reach",
    "ReaderLanguage",
    "Status",
    "Subscription",
    "Tempo",
    "Verdict",
    "Webhook",
    "Word",
]
