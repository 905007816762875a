"""Faults of the doors: hooks of a killed door, open connections, the journal's reserve, closures."""

from tests.mutants.fault import Fault

WEB = "gateway/run/web.py"
DOORS = "tests/gateway/test_doors.py"
PROTOCOL = "tests/intake/test_arrivals.py"

FAULTS = (
    Fault(
        "hooks that a killed door had read end with it",
        "gateway/run/keeper.py",
        "if dead and not kept.private:",
        "if not dead and not kept.private:",
        f"{DOORS}::test_a_hook_that_a_killed_door_had_read_is_answered_by_another",
    ),
    Fault(
        "a door that ends closes connections on which a hook may come",
        WEB,
        "not self.transport.get_write_buffer_size() and self.link.give(self):",
        "self.transport is None:",
        f"{DOORS}::test_an_open_connection_outlives_the_door_that_is_replaced",
    ),
    Fault(
        "only the first of the hooks that were answered together is known as answered",
        "gateway/run/keeper.py",
        "(number, *(each for (each,) in NUMBER.iter_unpack(data)))",
        "(number,)",
        f"{DOORS}::test_hooks_that_were_answered_together_are_not_repeated_when_their_doors_are_killed",
    ),
    Fault(
        "what a bug leaves without an answer waits for ever",
        "sendouts/intake/arrivals.py",
        "        for arrival in left.values():",
        "        for arrival in ():",
        f"{PROTOCOL}::test_a_group_that_fails_is_answered_and_counted",
    ),
    Fault(
        "hooks that came a moment after others are never told to workers",
        "sendouts/intake/store.py",
        '        nudge("hooks", self._unnudged)\n        if',
        "        if",
        f"{PROTOCOL}::test_workers_are_told_at_once_and_then_of_many_hooks_together",
    ),
    Fault(
        "a journal in memory counts as durable",
        "gateway/environment.py",
        "return kind in DISKS",
        'return kind != ""',
        "tests/gateway/test_starting.py::test_the_journal_is_on_by_default_where_the_folder_is_on_a_local_disk",
    ),
    Fault(
        "the reserve of a full disk is lost with a load that failed",
        "sendouts/intake/journal/journal.py",
        "(file.room or 0) > file.size]",
        "not file.path]",
        "tests/intake/test_journal_files.py"
        "::test_a_full_disk_takes_hooks_in_its_reserve_before_and_after_a_load_that_failed",
    ),
    Fault(
        "a closed door is told for ever",
        "sendouts/intake/closures.py",
        " and end > now - TOLD and",
        " and",
        "tests/intake/test_closures.py::test_the_time_since_the_last_trace_is_told_for_a_day",
    ),
    Fault(
        "hooks are set aside as damaged because the table has a column of a later version",
        "sendouts/intake/journal_loader.py",
        "        write([])\n",
        "",
        "tests/intake/test_changing_tables.py"
        "::test_hooks_are_acknowledged_beside_tables_of_another_version_and_loaded_when_these_are_right",
    ),
    Fault(
        "a database of a later version is migrated and served",
        "gateway/ops/schema.py",
        "if each[0] in ours and",
        "if each[0] not in ours and",
        "tests/gateway/test_schema.py"
        "::test_a_database_of_a_later_version_is_refused_unless_a_person_says_that_it_may_stay",
    ),
    Fault(
        "tables that do not match their migrations are migrated further",
        "gateway/ops/schema.py",
        'return _made_anew("its tables do not match its migrations: " + _some(problems)) if problems else ""',
        'return ""',
        "tests/gateway/test_schema.py::test_the_start_ends_with_one_sentence",
    ),
    Fault(
        "a door that ends does not wait for the next keeper",
        "gateway/run/web.py",
        "until = self._loop.time() + LEAVE_SECONDS",
        "until = 0.0",
        "tests/gateway/test_doors.py"
        "::test_an_open_connection_outlives_its_door_though_the_keeper_was_killed_a_moment_before",
    ),
    Fault(
        "a closed door is told on after a person has seen it",
        "sendouts/intake/closures.py",
        ' and "seen" not in data:',
        ":",
        "tests/desk/home/test_home_page.py::test_a_closed_door_is_told_until_somebody_who_may_decide_has_seen_it",
    ),
)
