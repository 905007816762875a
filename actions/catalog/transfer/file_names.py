"""Names of files, made from a template: “{project}/{date}-{batch}”."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from actions.catalog.shared.templates import OF_THE_SENDOUT, BadTemplate, Names, parse
from actions.contract import Context, gettext_noop

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
