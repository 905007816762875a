"""Who is told of what, once: alarms for operators, messages for marketers."""
