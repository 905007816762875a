"""What operators look after: alarms, webhooks and channels."""
