"""Faults in the way of plain singles, from their plan to their release."""

from tests.mutants.fault import Fault

DIRECT, PLAIN = "sendouts/stages/plain/direct.py", "tests/stages/test_plain_singles.py"

FAULTS = (
    Fault(
        "a single that calls a service goes on without asking it",
        DIRECT,
        " and not batch.service and ",
        " and ",
        f"{PLAIN}::test_what_is_not_plain_is_left_planned[service]",
    ),
    Fault(
        "a plain single that needs attention is released",
        DIRECT,
        'if found["attention"] or result.waiting',
        "if result.waiting",
        f"{PLAIN}::test_what_is_not_plain_is_left_planned[address]",
    ),
    Fault(
        "a plain single with a rejection is released without it",
        DIRECT,
        "        if not delivery.has_open_rejections(batch)\n",
        "",
        f"{PLAIN}::test_the_rows_are_those_of_the_lane[consent1-never]",
    ),
    Fault(
        "a plain single is released after its deadline",
        DIRECT,
        " for batch in ready if batch.deadline > timezone.now()}",
        " for batch in ready}",
        f"{PLAIN}::test_no_plain_single_is_released_after_its_deadline",
    ),
    Fault(
        "a plain single is released though its host takes no calls",
        DIRECT,
        " if not client.wait_before(platform(), uri)}",
        "}",
        f"{PLAIN}::test_no_plain_single_is_released_while_its_host_takes_no_calls",
    ),
)
