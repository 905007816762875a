"""Sums over the counts of chunks."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def sum_reasons(parts: Iterable[Sequence[Sequence[Any]]]) -> list[list[Any]]:
    """Sum the reasons of several chunks: [verdict, code, text, action, count], most frequent first."""
    sums: Counter[tuple[Any, ...]] = Counter()
    for part in parts:
        for *key, count in part:
            sums[tuple(key)] += count
    return [[*key, count] for key, count in sums.most_common() if count > 0]


def sum_failures(parts: Iterable[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Sum the failures of several chunks by action, sentence and what became of the contacts."""
    sums: dict[str, dict[str, Any]] = {}
    for part in parts:
        for failure in part:
            key = json.dumps([failure["step"], failure["sentence"], failure["became"]])
            if key in sums:
                sums[key]["contacts"] += failure["contacts"]
            else:
                sums[key] = dict(failure)
    return list(sums.values())
