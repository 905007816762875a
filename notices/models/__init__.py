"""Alarms and messages as rows.

Their tables, permissions and admin addresses carry the label `sendouts`.
"""

from notices.models.alarm import Alarm, Code, Notice
from notices.models.message import Channel, Message, Occasion, ReaderLanguage, Subscription

__all__ = ["Alarm", "Channel", "Code", "Message", "Notice", "Occasion", "ReaderLanguage", "Subscription"]
