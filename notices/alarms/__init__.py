"""Alarms for operators: detected in the rows, opened and closed once, sent once.

findings (results of one check run) > record (alarms as rows) > notify (delivery to operators); watch runs all of it.
"""
