"""The one template language of kinds: text with names in braces, such as `Hello {contact.first_name}`.

`{{` and `}}` stand for braces, as in `str.format`. Nothing is computed. Each use declares its known names (Names).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter

from actions.contract import gettext_noop

OF_THE_SENDOUT = ("project", "journey", "sendout")
UNKNOWN = gettext_noop("Nothing has this name.")
COMPUTED = gettext_noop("In braces stands a name alone: nothing is formatted, and no other value is offered.")
# A filter, a format, a quoted text, an alternative, a call, or nothing between two dots. Column names may contain
# spaces and apostrophes.
_NO_PATH = re.compile(r"""[|!:]|(?<!\w)['"]|\?\?|\(\)|(?:^|\.)\s*(?:\.|$)""")
_LIKE_A_NAME = re.compile(r"\{\{[a-z]+(?::[^{}]*)?\}\}|\{[a-z]+(?::[^{}]*)?\}|[{}]")


class BadTemplate(ValueError):
    """Not a valid template; the text says why, and where."""

    def __init__(self, sentence: str, position: int) -> None:
        super().__init__(f"{sentence} (character {position + 1})")
        self.sentence = sentence
        self.position = position


@dataclass(frozen=True, slots=True)
class Names:
    """The known names of one use: whole names, and prefixes before a path, such as `contact.`."""

    whole: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def fault(self, name: str) -> str:
        """Return the fault of a name as a sentence; "" if it has none."""
        if name in self.whole:
            return ""
        path = next((name.removeprefix(each) for each in self.prefixes if name.startswith(each)), None)
        if path is not None:
            return UNKNOWN if not path.strip() else COMPUTED if _NO_PATH.search(path) else ""
        bare = re.split(r"[!:|\s]", name, maxsplit=1)[0]
        return COMPUTED if bare != name and bare in self.whole else UNKNOWN


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in braces."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: alternating texts and placeholders."""

    parts: tuple[str | Placeholder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the used names, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def only(self) -> str | None:
        """Return the name if the template is one placeholder and nothing else."""
        return self.names[0] if len(self.parts) == 1 and self.names else None

    def fill(self, value: Callable[[str], str | None]) -> str | None:
        """Return the text with each name replaced by its value; None if a name has no value."""
        texts = []
        for part in self.parts:
            text = part if isinstance(part, str) else value(part.name)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


@lru_cache(maxsize=1024)
def parse(text: str, names: Names) -> Template:
    """Parse a template; raise BadTemplate for its first fault."""
    parts: list[str | Placeholder] = []
    literal = ""
    for piece, name, place in _pieces(text):
        literal += piece
        if name is None:
            continue
        if fault := names.fault(name):
            raise BadTemplate(fault, place)
        if literal:
            parts.append(literal)
        parts.append(Placeholder(name))
        literal = ""
    return Template((*parts, literal) if literal else tuple(parts))


def parse_among_braces(text: str, names: Names) -> Template:
    """Parse a template within a text that has braces of its own, such as a GraphQL query.

    Only braces around a word in lower case, with or without a colon and a path, mark a name. `{{id}}` stands for
    `{id}`.
    """
    return parse(_LIKE_A_NAME.sub(lambda found: found[0] * 2 if found[0] in "{}" else found[0], text), names)


def _pieces(text: str) -> Iterator[tuple[str, str | None, int]]:
    """Yield each literal with the name after it, if any, and the position of the name's brace."""
    pieces = iter(Formatter().parse(text))
    place = 0
    while True:
        try:
            piece = next(pieces, None)
        except ValueError:
            # Parsing stopped at `place`, and escaped braces end a piece: the next brace is the wrong one.
            raise _unparsed(text, place) from None
        if piece is None:
            return
        literal, field, form, _ = piece
        place += len(literal)
        if field is None:
            yield literal, None, place
            # The second one of two braces.
            place += 1
            continue
        if set("{}") & set(f"{field}{form}"):
            raise BadTemplate(COMPUTED, place)
        end = text.index("}", place)
        yield literal, text[place + 1 : end].strip(), place
        place = end + 1


def _unparsed(text: str, place: int) -> BadTemplate:
    found = re.search(r"[{}]", text[place:])
    position = place + (found.start() if found else 0)
    if text[position : position + 1] == "}":
        return BadTemplate(gettext_noop("This brace was not opened."), position)
    if "}" not in text[position:]:
        return BadTemplate(gettext_noop("This brace is not closed."), position)
    return BadTemplate(COMPUTED, position)
