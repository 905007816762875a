"""What the fixtures of this folder give: makers of sites, fan-outs and sessions, and a sender."""

from collections.abc import Callable
from typing import Any

from outbound.fanout import Fanout, FanoutAnswer
from outbound.session import GuardedSession
from tests.outbound.site import Site

Sites = Callable[..., Site]
Fanouts = Callable[..., Fanout]
Sessions = Callable[..., GuardedSession]
Send = Callable[..., dict[Any, FanoutAnswer]]
