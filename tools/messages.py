"""Collect the sentences of the screens, keep locale/fr in step with them, and compile it.

python tools/messages.py            collect, update the catalogue, compile it
python tools/messages.py --check    change nothing; fail where something is missing, doubtful, left over or not compiled
"""

import gettext
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

import django  # noqa: E402  (the path and the settings come first)

django.setup()

import unfold  # noqa: E402
from babel.messages.catalog import Catalog, Message  # noqa: E402
from babel.messages.extract import extract  # noqa: E402
from babel.messages.mofile import write_mo  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402
from django.utils.translation import template as django_template  # noqa: E402

FOLDERS = ("actions", "api", "desk", "gateway", "notices", "sendouts", "templates", "work")
CATALOGUE = ROOT / "locale" / "fr" / "LC_MESSAGES" / "django.po"
COMPILED = CATALOGUE.with_suffix(".mo")
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    "PydanticCustomError": (2,),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# Unfold ships no translations. Many of its sentences repeat Django's admin, which has French ones.
UNFOLD = Path(unfold.__file__).parent
DJANGO = [
    gettext.translation("django", Path(django.__file__).parent / folder / "locale", ["fr"])
    for folder in ("conf", "contrib/admin", "contrib/auth", "contrib/admindocs")
]


def sources() -> Iterator[tuple[str, str]]:
    """Yield every file that may hold a sentence: a name for its place, and its text as Python source."""
    folders = [ROOT / name for name in FOLDERS] + [UNFOLD / name for name in UNFOLD_PARTS] + sorted(UNFOLD.glob("*.py"))
    for folder in folders:
        base = ROOT if ROOT in folder.parents and UNFOLD not in folder.parents else UNFOLD.parent
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if "migrations" in path.parts or "static" in path.parts:
                continue
            place = str(path.relative_to(base))
            if path.suffix == ".py":
                yield place, path.read_text()
            elif path.suffix in {".html", ".txt"}:
                # templatize() keeps indentation that Python would not accept.
                left = django_template.templatize(path.read_text(), origin=place)
                yield place, "\n".join(line.lstrip() for line in left.splitlines())


# Parts of unfold that are installed here, without its integrations for other packages.
UNFOLD_PARTS = (
    "mixins",
    "templates/admin",
    "templates/unfold",
    "templates/registration",
    "templates/auth",
    "contrib/filters",
    "contrib/forms",
    "contrib/simple_history",
)


def spoken_by_django(text: str) -> bool:
    return any(catalogue.gettext(text) != text for catalogue in DJANGO)


def collect() -> Catalog:
    """Return a catalogue of today's sentences without translations, except those that Django translates into French."""
    found = Catalog(charset="utf-8")
    for place, text in sources():
        pieces = extract("python", io.BytesIO(text.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"})
        for line, message, comments, context in pieces:
            single = message[0] if isinstance(message, tuple) else message
            if single and not (place.startswith("unfold") and spoken_by_django(single)):
                where = [] if place.startswith("unfold") else [(place, line)]
                found.add(message, locations=where, auto_comments=comments, context=context)
    return found


def stored() -> Catalog:
    if not CATALOGUE.exists():
        return Catalog(locale="fr", charset="utf-8", project="Send Gate gateway", fuzzy=False)
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="fr", charset="utf-8")


def updated() -> Catalog:
    """Return the stored catalogue, updated with today's sentences, without fuzzy matches."""
    catalogue = stored()
    catalogue.update(collect(), no_fuzzy_matching=True, keep_user_comments=True)
    return catalogue


def written(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    # Leave line numbers out: they would change with every edit of the code, and file names are enough.
    write_po(out, catalogue, width=110, omit_header=False, sort_output=True, ignore_obsolete=True, include_lineno=False)
    return out.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def untranslated(message: Message) -> bool:
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(message.id) and not all(texts)


def faults() -> Iterator[str]:
    """Yield every reason why the catalogue is incomplete."""
    kept, today = stored(), collect()
    known = {
        (message.id if isinstance(message.id, str) else message.id[0], message.context)
        for message in kept
        if message.id
    }
    wanted = {
        (message.id if isinstance(message.id, str) else message.id[0], message.context)
        for message in today
        if message.id
    }
    yield from (f"not in the catalogue: {text!r}" for text, _ in sorted(wanted - known, key=str))
    yield from (f"no longer used: {text!r}" for text, _ in sorted(known - wanted, key=str))
    for message in kept:
        if untranslated(message):
            yield f"not translated: {message.id!r}"
        elif message.id and message.fuzzy:
            yield f"doubtful: {message.id!r}"
        for error in message.check(kept):
            yield f"{error}: {message.id!r}"
    if not COMPILED.exists() or COMPILED.read_bytes() != compiled(kept):
        yield "the compiled catalogue is not of this text: run make messages"


def main() -> int:
    if "--check" in sys.argv:
        found = list(faults())
        print("\n".join(found) or "The French catalogue is complete.")
        return bool(found)
    catalogue = updated()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    CATALOGUE.write_bytes(written(catalogue))
    COMPILED.write_bytes(compiled(stored()))
    left = sum(untranslated(message) for message in catalogue)
    print(f"{len(catalogue)} sentences, {left} without a translation.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
