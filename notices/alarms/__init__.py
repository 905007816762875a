"""What operators must know: looked for in the rows, opened and closed once, told once.

findings (what a look sees) > recording (alarms as rows) > notifying (who is told); watching runs all of it.
"""
