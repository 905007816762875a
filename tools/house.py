"""Check the layout rules of the code: names, folders, sizes and import contracts. See CONTRIBUTING.md.

python tools/house.py            print each figure, and fail if a rule is broken
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Gerunds that the field uses as nouns.
NOUNS = {"planning", "screening", "finishing", "sealing", "masking", "paging", "streaming", "ordering", "wording"}
# File names that mean the same in every folder.
STANDARD = {
    *("__init__", "__main__", "models", "forms", "views", "urls", "admin", "tasks", "base", "errors", "apps", "kind"),
}
MOST_FILES = 12
MOST_LINES = 350


def modules() -> list[Path]:
    """Return every module of the product in git, without migrations, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(line) for line in listed.splitlines()]
    return [path for path in paths if path.parts[0] != "tests" and "migrations" not in path.parts]


def gerunds(found: list[Path]) -> Iterator[str]:
    for path in found:
        if re.fullmatch(r"[a-z]+ing", path.stem) and path.stem not in NOUNS:
            yield str(path)


def file_names_used_twice(found: list[Path]) -> Iterator[str]:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in found:
        if path.stem not in STANDARD and len(path.parts) > 1:
            places[path.parts[0], path.stem].append(str(path))
    for (app, name), paths in sorted(places.items()):
        if len(paths) > 1:
            yield f"{app}: {name} ({', '.join(paths)})"


def classes_used_twice(found: list[Path]) -> Iterator[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for path in found:
        if path.parts[0] in {"simulator", "demo", "tools"}:
            # These packages know the gateway only by its wire, and never meet its classes.
            continue
        for node in ast.parse((ROOT / path).read_text()).body:
            # Django finds commands and their kind by a fixed class name.
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in {"Command"}:
                places[node.name].append(str(path))
    for name, paths in sorted(places.items()):
        if len(paths) > 1:
            yield f"{name} ({', '.join(paths)})"


def crowded_folders(found: list[Path]) -> Iterator[str]:
    files: dict[Path, int] = defaultdict(int)
    for path in found:
        files[path.parent] += path.name != "__init__.py"
    for folder, count in sorted(files.items()):
        if count > MOST_FILES:
            yield f"{folder}: {count} files"


def long_files(found: list[Path]) -> Iterator[str]:
    for path in found:
        lines = (ROOT / path).read_text().count("\n")
        if lines > MOST_LINES:
            yield f"{path}: {lines} lines"


def files_in_contracts(found: list[Path]) -> Iterator[str]:
    """Yield layers of an import contract that name a module below the second level."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for layer in contract.get("layers", ()):
            for name in re.split(r"\s*[|:]\s*", layer):
                if "." in name:
                    yield f"{contract['name']}: {name}"


RULES = {
    "modules named by a bare gerund": gerunds,
    "file names used twice in one app": file_names_used_twice,
    "public class names used twice": classes_used_twice,
    f"folders over {MOST_FILES} Python files": crowded_folders,
    f"files over {MOST_LINES} lines": long_files,
    "lists of files in import contracts": files_in_contracts,
}


def main() -> int:
    found = modules()
    broken = 0
    for rule, find in RULES.items():
        names = list(find(found))
        broken += len(names)
        print(f"{len(names):4} {rule}")
        for name in names:
            print(f"       {name}")
    lines = sum((ROOT / path).read_text().count("\n") for path in found)
    print(f"{lines:6} lines of product in {len(found)} modules")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
