"""Batch messages for marketers by mail and chat: found in the rows, put into an outbox once, sent once.

readers (recipients and their occasions) > outbox (due messages as rows) > content, subjects (the text) > mail, chat
(the format) > send (mark, then send); loops runs all of it beside the sweep.
"""
