"""Places of sealed values in the tables of sendouts: a value opens at its own place only. Free of Django."""

from uuid import UUID


def of_decision(pk: int) -> bytes:
    """Return the place of a decision's URI."""
    return b"uri" + pk.to_bytes(8, "big")


def of_finish(delivery_key: str) -> bytes:
    """Return the place of a batch's finishUri; it avoids the batch id, which does not exist yet at sealing."""
    return b"finish" + delivery_key.encode()


def of_download(delivery_key: str) -> bytes:
    """Return the place of a batch's itemDownloadUri."""
    return b"download" + delivery_key.encode()


def of_hook(uuid: UUID) -> bytes:
    """Return the place of a raw hook, in a journal and in its row."""
    return b"hook" + uuid.bytes


def of_spool(pk: int) -> bytes:
    """Return the place of the description of a kept contact file."""
    return b"spool" + pk.to_bytes(8, "big")
