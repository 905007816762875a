"""Effects on contacts: prepared by screening, carried out before or after the release, deleted when done."""

from sendouts.stages.effects.runs import (
    begin,
    count_prepared,
    enrichments_of,
    not_prepared,
    open_enrichments,
    send_again,
    stuck_transfers,
    take_on,
    try_again,
)
from sendouts.stages.effects.unused_codes import codes_wait, give_back_codes

__all__ = [
    "begin",
    "codes_wait",
    "count_prepared",
    "enrichments_of",
    "give_back_codes",
    "not_prepared",
    "open_enrichments",
    "send_again",
    "stuck_transfers",
    "take_on",
    "try_again",
]
