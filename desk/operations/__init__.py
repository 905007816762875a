"""Screens for operators: alarms, webhooks and channels."""
