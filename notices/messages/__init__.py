"""Marketers are told of batches by mail and in chat channels: found in the rows, put into an outbox once, sent once.

readers (who wants to know what) > outbox (what is due to be told, as rows) > content, sentences (what is said) > mails, chats
(how it looks) > sending (marked, then sent); running does all of it beside the sweep.
"""
