"""Part of a configuration with exactly one alternative, such as `{equals: false}`."""

from typing import Any, Self

from pydantic import model_serializer, model_validator
from pydantic_core import PydanticCustomError

from actions.contract import Config


class OneOf(Config):
    """A model with alternative fields: exactly one must be given. Forms show it as a choice and a value."""

    @model_validator(mode="after")
    def _require_one_alternative(self) -> Self:
        if len(self.model_fields_set) != 1:
            names = ", ".join(self.choices())
            raise PydanticCustomError("one_of", "Give exactly one of: {names}.", {"names": names})
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        name, value = self.chosen
        return {name: list(value) if isinstance(value, tuple) else value}

    @property
    def chosen(self) -> tuple[str, Any]:
        """Return the given alternative: its public name, and its value."""
        (name,) = self.model_fields_set
        return type(self).model_fields[name].alias or name, getattr(self, name)

    @classmethod
    def choices(cls) -> dict[str, str]:
        """Return the title of each alternative by its public name, in order."""
        return {field.alias or name: field.title or name for name, field in cls.model_fields.items()}
