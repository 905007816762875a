"""Batch messages for marketers by mail and chat: found in the rows, put into the outbox once, sent once.

readers (recipients and their occasions) > due (due messages as rows) > content, subjects (the text) > mail, chat
(the format) > send (one message or a digest, through the outbox); runs in threads beside the sweep.
"""
