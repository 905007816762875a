"""Errors between the gateway and the platform, retryable or permanent; the docstring of an error is its message."""


class SymplifyError(Exception):
    """The platform did not do what was asked.

    `status` is the HTTP status, 0 without an answer. `retry_after` is the pause that the platform asked for, in
    seconds. `host` is the called host name. `held`: no call was made, because calls are blocked. The URI is not kept,
    because it is a capability.
    """

    def __init__(self, status: int = 0, retry_after: float | None = None, host: str = "", held: bool = False) -> None:
        super().__init__(status, retry_after, host)
        self.status = status
        self.retry_after = retry_after
        self.host = host
        self.held = held

    def __str__(self) -> str:
        sentence = (type(self).__doc__ or "").partition("\n")[0]
        known = [text for text in (f"status {self.status}" if self.status else "", self.host) if text]
        return f"{sentence} ({', '.join(known)})" if known else sentence


class RetryableFailure(SymplifyError):
    """The platform could not answer now; the same call may succeed later."""


class PermanentFailure(SymplifyError):
    """The platform refused, and repeating the call will not change that."""


class TransportBroken(SymplifyError):
    """The connection broke before the whole body had arrived."""
