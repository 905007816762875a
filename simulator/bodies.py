"""Bodies of control requests: what every one of them shares."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

# JSON's true is no number, and its numbers are no booleans.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True, ge=0)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]


class BadRequestError(ValueError):
    """A control request that cannot be read; the text is a sentence for its sender."""


class Body(BaseModel):
    """A JSON object with known keys; null means the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, raw: Any) -> Any:
        return {key: value for key, value in raw.items() if value is not None} if isinstance(raw, dict) else raw

    @classmethod
    def read(cls, raw: object) -> Self:
        """Return the validated body; raise BadRequestError with a sentence that holds no given value."""
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            parts = (f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
            raise BadRequestError("; ".join(dict.fromkeys(parts))) from None


class Destination(Body):
    """Where hooks are sent and with which credentials; what is empty is taken from the start of the simulator.

    `patience`: seconds until an acknowledgement is too late; the platform waits one second.
    """

    target: str = ""
    basic_auth: str = ""
    header: str = ""
    patience: Number = 0.0
