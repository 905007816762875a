"""Compile every template of the project, to find misspelt tags before a page is opened."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

import django  # noqa: E402  (the path and the settings come first)

django.setup()

from django.template import TemplateSyntaxError, engines  # noqa: E402


def main() -> int:
    wrong = 0
    found = [path for folder in ("templates",) for path in (ROOT / folder).rglob("*.html")]
    for path in found:
        try:
            engines["django"].from_string(path.read_text())
        except TemplateSyntaxError as error:
            print(f"{path.relative_to(ROOT)}: {error}")
            wrong += 1
    print(f"{len(found)} templates, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
