"""A text column that is encrypted in the database.

A value read from the database stays sealed until `open()`: no page, log, history or traceback can print it by accident.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

from actions.secrets.keys import CannotOpen, keyring, rotate


class Sealed:
    """A stored secret; `open()` returns its text, or raises CannotOpen."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    @classmethod
    def of(cls, text: str) -> "Sealed":
        """Seal a text with the first key."""
        return cls(keyring().seal_text(text))

    def open(self) -> str:
        return keyring().open_text(self.token)

    def __repr__(self) -> str:
        return "••••"


def can_seal() -> bool:
    """Return whether any key is configured."""
    return bool(settings.ENCRYPTION_KEYS)


class EncryptedTextField(models.TextField):
    """Takes a text and returns a `Sealed`. It cannot be searched, and `dumpdata` omits it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serialize"] = False
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def to_python(self, value: Any) -> Any:
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal an assigned text, also on the object itself."""
        value = getattr(model_instance, self.attname)
        if isinstance(value, str):
            value = Sealed.of(value)
            setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, str):
            value = Sealed.of(value)
        return value.token if isinstance(value, Sealed) else value

    def get_lookup(self, lookup_name: str) -> Any:
        raise FieldError("What is encrypted cannot be searched.")


def sealed_fields() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every encrypted column."""
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, EncryptedTextField):
                yield model, field.name


def unopened() -> list[str]:
    """Return the names of the values that no key decrypts."""
    found = []
    for model, name in sealed_fields():
        for row in model._default_manager.all():
            try:
                if (stored := getattr(row, name)) is not None:
                    stored.open()
            except CannotOpen:
                found.append(f"{model._meta.verbose_name} {row}")
    return found


def rotate_secrets() -> int:
    """Encrypt everything with the first key; return the number of changed values. `unopened` names what is left."""
    done = 0
    for model, name in sealed_fields():
        rows = model._default_manager.values_list("pk", name)
        values = [(pk, sealed.token, b"") for pk, sealed in rows if sealed is not None]
        done += rotate(model, name, values)[0]
    return done
