"""Queue envelopes around a hook: an SNS notification, or none."""

import json


def unwrap(body: str) -> bytes:
    """Return the hook inside a queue message's body, as the bytes that HTTP would have delivered.

    SNS puts the hook as text under `Message` unless raw delivery is on. Any other body is returned unchanged; `payload`
    decides whether it is readable.
    """
    try:
        given = json.loads(body) if '"Notification"' in body else None
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict) and given.get("Type") == "Notification" and isinstance(given.get("Message"), str):
        body = given["Message"]
    # Do not lose a hook over a lone surrogate: the encoder replaces it with "?".
    return body.encode("utf-8", "replace")
