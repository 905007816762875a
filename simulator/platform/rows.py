"""Rows of a contact file as text: generated on the fly, or given by the control request."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from simulator.platform.sendouts import Sendout
from simulator.platform.spec import without_consent
from simulator.world import World, base36

# With accents, so that a wrong encoding shows.
CITIES = ("Orléans", "Besançon", "Lyon", "Nîmes", "Angoulême")
COLUMNS = ("email", "consent", "city", "age")


class Rows:
    """Rows of one sendout: `index` counts from 0, the ids of generated rows (A-000001) from 1."""

    def __init__(self, world: World, sendout: Sendout) -> None:
        self.spec = sendout.spec
        self.uri_base = world.contact_base(sendout)
        self._refused = without_consent(self.spec) if self.spec.rows is None else b""

    def uri(self, index: int) -> str:
        """Return the URI that rejects this contact."""
        return self.uri_base + base36(index)

    def as_json(self, indexes: Iterable[int]) -> Iterator[str]:
        """Yield rows as JSON objects."""
        if self.spec.rows is not None:
            return (json.dumps(self.given(index), ensure_ascii=False) for index in indexes)
        return self._generated_json(indexes)

    def as_csv(self, indexes: Iterable[int]) -> Iterator[str]:
        """Yield rows as CSV lines, in the order of `header`."""
        if self.spec.rows is None:
            yield from self._generated_csv(indexes)
            return
        columns = self.columns()
        for index in indexes:
            row = _flat(self.given(index))
            yield self._line([_cell(row.get(column)) for column in columns])

    def header(self) -> str:
        """Return the CSV header line."""
        return self._line(self.columns())

    def columns(self) -> list[str]:
        """Return the CSV column names; nested properties become separate columns."""
        if self.spec.rows is None:
            return [self.spec.id_key, *COLUMNS, self.spec.uri_key]
        columns: dict[str, None] = {}
        for index in range(len(self.spec.rows)):
            columns.update(dict.fromkeys(_flat(self.given(index))))
        return list(columns)

    def item(self, index: int) -> dict[str, Any]:
        """Return one row as an item of a single's hook; without fields it has only the id and the URI."""
        row = self.given(index) if self.spec.rows is not None else self.generated(index)
        if self.spec.item_fields:
            return row
        return {key: value for key, value in row.items() if key in (self.spec.id_key, self.spec.uri_key)}

    def given(self, index: int) -> dict[str, Any]:
        """Return one row from the control request with its URI; in `_raw` rows it only replaces {uri} and {path}.

        `_uri_of` takes the URI of another row, counted from 0.
        """
        assert self.spec.rows is not None
        row = dict(self.spec.rows[index])
        index = row.pop("_uri_of", index)
        if "_raw" in row:
            del row["_raw"]
            uri = self.uri(index)
            path = uri[uri.index("/", 8) :]
            return {
                key: value.replace("{uri}", uri).replace("{path}", path) if isinstance(value, str) else value
                for key, value in row.items()
            }
        row.setdefault(self.spec.uri_key, self.uri(index))
        return row

    def generated(self, index: int) -> dict[str, Any]:
        """Generate one row as an object."""
        return {
            self.spec.id_key: f"A-{index + 1:06d}",
            "email": f"c{index + 1:06d}@example.com",
            "properties": {
                "consent": not self._refused[index],
                "city": CITIES[index % len(CITIES)],
                "age": 18 + index * 7 % 60,
            },
            self.spec.uri_key: self.uri(index),
        }

    def _generated_json(self, indexes: Iterable[int]) -> Iterator[str]:
        # Equal to json.dumps(self.generated(index)) at a third of its cost: a million rows are generated on the fly.
        id_key = json.dumps(self.spec.id_key, ensure_ascii=False)
        uri_key = json.dumps(self.spec.uri_key, ensure_ascii=False)
        refused, base, count = self._refused, self.uri_base, len(CITIES)
        for index in indexes:
            number = f"{index + 1:06d}"
            consent = "false" if refused[index] else "true"
            yield (
                f'{{{id_key}:"A-{number}","email":"c{number}@example.com","properties":{{"consent":{consent},'
                f'"city":"{CITIES[index % count]}","age":{18 + index * 7 % 60}}},{uri_key}:"{base}{base36(index)}"}}'
            )

    def _generated_csv(self, indexes: Iterable[int]) -> Iterator[str]:
        refused, base, count, cut = self._refused, self.uri_base, len(CITIES), self.spec.delimiter
        for index in indexes:
            number = f"{index + 1:06d}"
            consent = "false" if refused[index] else "true"
            yield (
                f"A-{number}{cut}c{number}@example.com{cut}{consent}{cut}{CITIES[index % count]}{cut}"
                f"{18 + index * 7 % 60}{cut}{base}{base36(index)}\r\n"
            )

    def _line(self, cells: Sequence[str]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self.spec.delimiter, lineterminator="\r\n").writerow(cells)
        return out.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat.update(value)
        else:
            flat[key] = value
    return flat


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
