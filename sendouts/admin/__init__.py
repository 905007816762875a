"""The screens on which people see what came in, decide on what is held, and settle what cannot go on."""

from sendouts.admin import accounts, alarms, batches, channels, hosts, tokens, webhooks

__all__ = ["accounts", "alarms", "batches", "channels", "hosts", "tokens", "webhooks"]
