"""What machines store in English is known to the screens, so that a French reader reads French."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from sendouts.stored import stored

ROOT = Path(__file__).resolve().parent.parent.parent
# Whose sentences are stored with a decision, an effect or a hook.
SAID_BY = {"Permanent", "Retryable", "Failure", "Verdict", "reject", "undecided"}
ANYTHING = "anything"


def text_of(node: ast.expr) -> str:
    """The sentence that an expression makes, with a word for what varies; empty where it is none."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in parts)
    return ""


def said() -> Iterator[tuple[str, str]]:
    """Every sentence with what varies in it, and where it stands."""
    for folder in ("actions", "sendouts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in SAID_BY:
                    for argument in node.args:
                        if " " in (text := text_of(argument)):
                            yield text, f"{path.relative_to(ROOT)}:{node.lineno}"


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
