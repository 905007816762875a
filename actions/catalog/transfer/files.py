"""Base of kinds that store one file per batch: its format, and its name made from a template."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.shared.templates import OF_THE_SENDOUT, BadTemplate, Names, parse
from actions.catalog.transfer.base import OutcomeReport
from actions.catalog.transfer.content import ContentForm
from actions.contract import Contact, Context, Shown, gettext_noop
from actions.effect import Run, WholeEffect

_NAMES = Names(frozenset({*OF_THE_SENDOUT, "batch", "date"}))
_ALLOWED = re.compile(r"[\w.-]+(/[\w.-]+)*")
# Bound on each name, so that a path of several names stays below the 1,024 bytes that storage allows.
_LONGEST = 60


def _template(text: str) -> str:
    try:
        template = parse(text, _NAMES)
    except BadTemplate as error:
        raise PydanticCustomError("part", "In braces stand only project, journey, sendout, date and batch.") from error
    if "batch" not in template.names:
        raise PydanticCustomError("no_batch", "Put {batch} into the name: without it, files would replace each other.")
    filled = template.fill(lambda name: "x") or ""
    if not _ALLOWED.fullmatch(filled) or {".", ".."} & set(filled.split("/")):
        raise PydanticCustomError("path", "Use letters, digits, “-”, “_”, “.” and “/” between folders.")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=200),
    AfterValidator(_template),
    Field(
        title=gettext_noop("Name of the file"),
        description=gettext_noop(
            "May hold {project}, {journey}, {sendout}, {date} and must hold {batch}. The ending comes by itself."
        ),
    ),
]

Format = Annotated[
    Literal["csv", "ndjson"],
    Field(
        title=gettext_noop("Format"),
        json_schema_extra={"csv": gettext_noop("CSV"), "ndjson": gettext_noop("one JSON object a line")},
    ),
]
Packed = Annotated[bool, Field(title=gettext_noop("Packed with gzip"))]


class FileTransfer(OutcomeReport, WholeEffect):
    """Base of the kinds. Their configurations have `name`, `format`, `gzip`, `whom` and `fields`."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.form = ContentForm(config.format, config.gzip, config.fields)

    def name_for(self, run: Run, context: Context) -> str:
        """Return the name of the run's file, with today's date."""
        return file_name(self.config.name, context, run.key, self.form.extension)

    def shows(self, contact: Contact, context: Context) -> Sequence[Shown]:
        """Return name and contents of a file with this contact; uncompressed."""
        pending = self.as_pending(contact)
        name = file_name(self.config.name, context, f"{pending.batch}-0", self.form.extension)
        plain = replace(self.form, packed=False)
        text = (plain.begin() + plain.write([pending], context)).decode()
        return [Shown(gettext_noop("Name of the file"), name), Shown(gettext_noop("A file with this contact"), text)]


def file_name(template: str, context: Context, batch: str, extension: str) -> str:
    """Return the name of a file, with today's date in UTC.

    `batch` is the key of a run: two actions of a batch write two files.
    """
    values = {
        **{name: _safe(getattr(context, name)) for name in OF_THE_SENDOUT},
        "batch": batch,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    return f"{parse(template, _NAMES).fill(values.get)}{extension}"


def _safe(name: str) -> str:
    """Return a project's name as part of a path: characters that change the path or need quoting become “-”."""
    return re.sub(r"[^\w]+", "-", name)[:_LONGEST].strip("-") or "-"
