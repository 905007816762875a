"""Import every admin screen; Django discovers this module."""

from desk.batch import list as batch_list
from desk.operations import alarms, channels, webhooks
from desk.people import accounts, record, tokens
from desk.setup import code_pools, credentials, hosts, projects, suppression

__all__ = [
    "accounts",
    "alarms",
    "batch_list",
    "channels",
    "code_pools",
    "credentials",
    "hosts",
    "projects",
    "record",
    "suppression",
    "tokens",
    "webhooks",
]
