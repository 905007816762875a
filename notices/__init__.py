"""Notify each recipient once: alarms for operators, messages for marketers."""
