"""What machines store in English is known to the screens, so that a French reader reads French."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from django.utils import translation

from sendouts.wording.stored import stored

ROOT = Path(__file__).resolve().parent.parent.parent
# Whose sentences are stored with a decision, an effect or a hook.
SAID_BY = {"Permanent", "Retryable", "Failure", "Verdict", "reject", "undecided"}
# Whatever is a sentence in these is stored, but for what is translated there.
WHOLE = (
    "actions/plan/run.py",
    "actions/plan/build.py",
    "sendouts/stages/planning.py",
    "sendouts/verbs/run_again.py",
    "sendouts/stages/effects",
    "sendouts/stages/transfers.py",
    "sendouts/stages/enrichment.py",
)
TRANSLATED = {"_", "gettext", "ngettext", "NotDone"}
ANYTHING = "anything"


def text_of(node: ast.expr) -> str:
    """The sentence that an expression makes, with a word for what varies; empty where it is none."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in parts)
    return ""


def called(node: ast.AST) -> str:
    """The name of what is called, where a call it is."""
    return str(getattr(node.func, "id", getattr(node.func, "attr", ""))) if isinstance(node, ast.Call) else ""


def expressions(node: ast.AST, whole: bool) -> Iterator[ast.expr]:
    """Everything in a module that may be a sentence that is stored."""
    if called(node) in TRANSLATED or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    if called(node) in SAID_BY:
        yield from cast(ast.Call, node).args
    elif whole and isinstance(node, ast.Constant | ast.JoinedStr):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from expressions(child, whole)


def said() -> Iterator[tuple[str, str]]:
    """Every sentence with what varies in it, and where it stands."""
    for folder in ("actions", "sendouts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            for node in expressions(ast.parse(path.read_text()), place.startswith(WHOLE)):
                text = text_of(node)
                if re.fullmatch(r"(?:[A-Z“]|anything ).* .*[.]", text):
                    yield text, f"{place}:{node.lineno}"


def in_french(text: str) -> str:
    with translation.override("fr"):
        return stored(text)


def test_every_sentence_that_an_action_may_say_is_known_in_french() -> None:
    found = list(said())
    assert len(found) > 30, "the sentences are found"
    # “an object” and “a list” are put in where the sentence is made.
    unknown = [
        f"{place}: {text}" for text, place in found if in_french(text) == text and "hold anything at" not in text
    ]
    assert not unknown, "\n".join(unknown)


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("No time was left to ask.", "Il ne restait plus de temps pour demander."),
        (
            "example.com answered 503. No time was left to ask again.",
            "example.com a répondu 503. Il ne restait plus de temps pour redemander.",
        ),
        ("What staff wrote themselves.", "What staff wrote themselves."),
    ],
)
def test_a_sentence_keeps_what_varies_in_it(text: str, french: str) -> None:
    assert in_french(text) == french
