"""`make mutants`: break the product in one line after the other, and see that the test named for it turns red.

Nothing is broken in the working tree: each job has a copy. A fault that its test does not notice ends with exit code 1.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue

from tests.databases import KEPT, ROOT, migrated_database, migrated_file
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.servers import common_environment, servers, temporary_folder

RED = 1
# A fault may make a test wait for ever, which is no answer.
LONGEST_SECONDS = 180
CAUGHT = "caught"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only faults with one of these in their name or file")
    parser.add_argument("--jobs", type=int, default=1, help="faults that are tried at the same time")
    asked = parser.parse_args()
    words = asked.only or [""]
    faults = [fault for fault in FAULTS if any(word in fault.name or word in fault.file for word in words)]
    if not faults:
        parser.error("no fault has such a word in its name or file")
    started = time.monotonic()
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder("mutants"))
        environments = {False: _environment(folder, f"sqlite:///{folder}/gateway.sqlite3")}
        migrated_file()
        if any(fault.postgresql for fault in faults):
            found = stack.enter_context(servers())
            migrated_database(found["DATABASE_URL"])
            environments[True] = _environment(folder, found["DATABASE_URL"])
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            copies.put(copy_tree(folder / f"copy-{number}"))
        if not _are_green(faults, copies, environments):
            return 1
        said = _try_all(faults, copies, environments, asked.jobs)
    alive = [fault.name for fault, word in zip(faults, said, strict=True) if word != CAUGHT]
    print(f"\n{len(faults) - len(alive)} of {len(faults)} faults caught in {time.monotonic() - started:.0f} s.")
    for name in alive:
        print(f"  not caught: {name}")
    return 1 if alive else 0


def _environment(folder: Path, database: str) -> dict[str, str]:
    return {**os.environ, **common_environment(folder), "DATABASE_URL": database, "CELERY_BROKER_URL": ""}


def copy_tree(to: Path) -> Path:
    """Copy what is under version control, or will be; the copy shares the migrated databases."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        # A file that was deleted and not yet committed is listed, too.
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    _shared(to).parent.mkdir(parents=True, exist_ok=True)
    _shared(to).symlink_to(KEPT)
    return to


def _shared(copy: Path) -> Path:
    return copy / KEPT.relative_to(ROOT)


def _are_green(faults: Sequence[Fault], copies: SimpleQueue[Path], environments: Mapping[bool, dict[str, str]]) -> bool:
    """Return whether every named test passes where nothing is broken."""
    copy = copies.get()
    green = True
    for postgresql, environment in environments.items():
        tests = sorted({fault.test for fault in faults if fault.postgresql is postgresql})
        if tests:
            print(f"{len(tests)} tests, unbroken …", flush=True)
            done = _run_tests(copy, tests, environment, seconds=LONGEST_SECONDS * len(tests))
            green &= done is not None and done.returncode == 0
            if done is None or done.returncode:
                print(done.stdout if done is not None else "The tests did not end.")
    copies.put(copy)
    return green


def _try_all(
    faults: Sequence[Fault], copies: SimpleQueue[Path], environments: Mapping[bool, dict[str, str]], jobs: int
) -> list[str]:
    def try_one(fault: Fault) -> str:
        copy = copies.get()
        started = time.monotonic()
        try:
            word = _try(fault, copy, environments[fault.postgresql])
        finally:
            copies.put(copy)
        print(f"{word:<10} {time.monotonic() - started:5.1f} s  {fault.name}  [{fault.file}]", flush=True)
        return word

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(try_one, faults))


def _try(fault: Fault, copy: Path, environment: dict[str, str]) -> str:
    """Put a fault into the copy, run its test, and take the fault out again."""
    try:
        with broken(fault, copy):
            done = _run_tests(copy, [fault.test], environment, seconds=LONGEST_SECONDS)
    except ValueError as problem:
        print(problem)
        return "no place"
    if done is None:
        return "hangs"
    if done.returncode == 0:
        return "ALIVE"
    # A test that cannot even begin, or is not found, has noticed nothing.
    if done.returncode == RED and " failed" in done.stdout.splitlines()[-1]:
        return CAUGHT
    print(done.stdout[-2000:])
    return "error"


@contextmanager
def broken(fault: Fault, copy: Path) -> Iterator[None]:
    path = copy / fault.file
    whole = path.read_text()
    shared = _shared(copy)
    _write(path, fault.put_into(whole))
    if fault.is_of_tables:
        # Broken tables are made in a folder of their own, and leave those of the working tree alone.
        shared.unlink()
    try:
        yield
    finally:
        _write(path, whole)
        if fault.is_of_tables:
            shutil.rmtree(shared, ignore_errors=True)
            shared.symlink_to(KEPT)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    # Python compares seconds and sizes: two versions within a second could pass for one.
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _run_tests(
    copy: Path, tests: Sequence[str], environment: dict[str, str], *, seconds: float
) -> subprocess.CompletedProcess[str] | None:
    """Run tests in a copy; None where they do not end in time."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(
            command, cwd=copy, env=environment, check=False, text=True, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    # Also where it is called from another folder.
    os.chdir(ROOT)
    sys.exit(main())
