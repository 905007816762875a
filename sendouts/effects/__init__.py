"""Effects on contacts: counted when screening ends, carried out before the release or after it, cleared when they are done."""

from sendouts.effects.afterwards import see_to
from sendouts.effects.enriching import enrich
from sendouts.effects.giving_back import codes_wait, give_back_codes
from sendouts.effects.runs import (
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

__all__ = [
    "begin",
    "codes_wait",
    "count_prepared",
    "enrich",
    "enrichments_of",
    "give_back_codes",
    "not_prepared",
    "open_enrichments",
    "see_to",
    "send_again",
    "stuck_transfers",
    "take_on",
    "try_again",
]
