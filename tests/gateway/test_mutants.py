"""The list of faults that `make mutants` puts into the product is true: each has its place, and a test that exists."""

import ast
from collections import Counter
from functools import cache

import pytest

from tests.databases import ROOT
from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS

LEAST = 40


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text()


@cache
def functions_of(file: str) -> frozenset[str]:
    found = ast.parse(text_of(file)).body
    return frozenset(each.name for each in found if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_its_place_and_its_test(fault: Fault) -> None:
    assert not fault.file.startswith("tests/")
    assert fault.put_into(text_of(fault.file)) != text_of(fault.file)
    file, _, test = fault.test.partition("::")
    assert test.partition("[")[0] in functions_of(file)


def test_the_faults_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len(FAULTS) >= LEAST
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []


def test_a_piece_that_is_missing_or_there_twice_is_no_place() -> None:
    fault = Fault("a sign is wrong", "some.py", "a + b", "a - b", "tests/test_some.py::test_it")
    assert fault.put_into("x = a + b\n") == "x = a - b\n"
    for text in ("x = a - b\n", "x = a + b\ny = a + b\n"):
        with pytest.raises(ValueError, match="a sign is wrong"):
            fault.put_into(text)
