"""What a queue wraps around a hook: an SNS notification, or nothing."""

import json


def unwrap(body: str) -> bytes:
    """The hook inside the body of a queue's message, as the bytes that HTTP would have brought.

    SNS puts the hook as text under `Message` unless raw delivery is on. What is neither is left as it is: whether it can be read
    as a hook is for `payload` to say.
    """
    try:
        given = json.loads(body) if '"Notification"' in body else None
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict) and given.get("Type") == "Notification" and isinstance(given.get("Message"), str):
        body = given["Message"]
    # A lone surrogate is no reason to lose a hook: it comes out as the "?" that an encoder puts in its place.
    return body.encode("utf-8", "replace")
