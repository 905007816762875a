"""What can go wrong between the gateway and the platform: an error is retryable or permanent, and its docstring is its message."""


class SymplifyError(Exception):
    """The platform did not do what was asked.

    `status` is the HTTP status (0 when there was none), `retry_after` the pause that the platform asked for in seconds, `host` the
    name that was called, `held` that no call was made, since none are taken at the moment. No URI is kept: it is a capability.
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
