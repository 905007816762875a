"""Forms of values that more than one part of the API reads or writes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import IntegerChoices
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from actions.config import durations
from sendouts.wording.sentences import show_text


class WordField(serializers.ChoiceField):
    """A choice that the database stores as a number and programs read and write as its word, such as `rejected`."""

    def __init__(self, words: type[IntegerChoices], **kwargs: Any) -> None:
        self.words = words
        super().__init__(choices=[word.name.lower() for word in words], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return int(self.words[str(super().to_internal_value(data)).upper()])

    def to_representation(self, value: Any) -> str:
        return self.words(value).name.lower()


@extend_schema_field(OpenApiTypes.STR)
class DurationField(serializers.Field[timedelta, str, str, timedelta]):
    """A duration as the configuration file writes it: `30s`, `60m`, `2h`, `1d`."""

    def to_representation(self, value: timedelta) -> str:
        return durations.write(value)


@extend_schema_field(OpenApiTypes.STR)
class SentenceField(serializers.Field[str, str, str, str]):
    """A text for people: a sentence of the gateway in the reader's language, or what staff and other kinds wrote."""

    def to_representation(self, value: str) -> str:
        return show_text(value)


class StrictSerializer(serializers.Serializer[Any]):
    """Input that refuses names it does not know: a misspelt filter or choice must not pass for none at all."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                sentence = _("This is not known here. Known are: %(names)s.") % {"names": ", ".join(self.fields)}
                raise serializers.ValidationError({str(name): [sentence] for name in unknown})
        return super().to_internal_value(data)
