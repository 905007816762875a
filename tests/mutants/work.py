"""Faults of the work machine, of what moves a status, and of what the tables refuse."""

from tests.mutants.fault import Fault

CLAIMS, RUN, SWEEP, LIFECYCLE = "work/claims.py", "work/run.py", "work/sweep.py", "sendouts/lifecycle.py"
TABLES = "sendouts/migrations/0001_initial.py"
LANES, POISON = "tests/work/test_lanes.py", "tests/work/test_poison.py"
CLOCKS, SILENT = "tests/work/test_clocks_apart.py", "tests/work/test_silent_loops.py"
IN_DOUBT, ANSWERS = "tests/stages/test_rows_in_doubt.py", "tests/stages/test_answers.py"

FAULTS = (
    Fault(
        "a claimed row is taken once more",
        CLAIMS,
        "filter(free(), due(), pk__in=ids)",
        "filter(due(), pk__in=ids)",
        f"{LANES}::test_what_another_worker_has_is_left_alone_and_what_is_done_with_is_free",
    ),
    Fault(
        "a claim is extended though it was lost",
        CLAIMS,
        "if held != len(ids):",
        "if False:",
        f"{ANSWERS}::test_answers_that_a_stale_worker_brings_are_not_stored",
    ),
    Fault(
        "a check of the claim never raises",
        CLAIMS,
        "if self.model._default_manager.filter(pk__in=ids, claim_id=self.id).count() != len(ids):",
        "if False:",
        f"{IN_DOUBT}::test_nothing_leaves_for_a_batch_that_was_taken_away_while_its_rejections_were_read",
    ),
    Fault(
        "a claim that is kept is not extended",
        CLAIMS,
        "            self.extend(self.ids)",
        "            pass",
        "tests/stages/test_fairness.py::test_a_claim_is_held_while_a_service_is_waited_for",
    ),
    Fault(
        "a row at which a worker died is taken with others",
        CLAIMS,
        "if left is None and not deaths)",
        "if left is None or deaths)",
        f"{POISON}::test_who_takes_over_a_claim_that_ran_out_counts_a_death_and_works_alone",
    ),
    Fault(
        "deaths are not counted",
        CLAIMS,
        "deaths += left is not None",
        "deaths += 0",
        f"{POISON}::test_who_takes_over_a_claim_that_ran_out_counts_a_death_and_works_alone",
    ),
    Fault(
        "progress forgives no death",
        CLAIMS,
        '{"deaths": 0} if progress else {}',
        "{}",
        f"{POISON}::test_who_takes_over_a_claim_that_ran_out_counts_a_death_and_works_alone",
    ),
    Fault(
        "only this process's clock says what is due",
        CLAIMS,
        "Greatest(Now(), Value(timezone.now(), DateTimeField()))",
        "Value(timezone.now(), DateTimeField())",
        f"{CLOCKS}::test_work_goes_on_under_a_wrong_clock",
    ),
    Fault(
        "nobody is asked about a row that kills its workers",
        RUN,
        "if claim.deaths < claims.DEATHS:",
        "if True:",
        f"{LANES}::test_a_row_at_which_three_workers_died_is_given_up_and_the_others_are_done",
    ),
    Fault(
        "the second half of a set that failed is left",
        RUN,
        " + _try_or_halve(lane, claim, ids[middle:])",
        "",
        f"{LANES}::test_a_set_is_halved_until_the_broken_row_stands_alone_and_is_given_up_after_three_failures",
    ),
    Fault(
        "a database that went away counts as a failure of the row",
        RUN,
        "except (OperationalError, InterfaceError, claims.ClaimLost):",
        "except claims.ClaimLost:",
        f"{LANES}::test_a_database_that_goes_away_is_no_failure_of_the_row",
    ),
    Fault(
        "claims are not released",
        RUN,
        "            claim.release()\n",
        "            pass\n",
        f"{LANES}::test_its_task_does_it_once_for_workers_of_a_queue_that_runs_everywhere",
    ),
    Fault(
        "expiry does not pause after a clock jump",
        SWEEP,
        "if chore.trusts_clock and monotonic < self._clock_doubted_until:",
        "if False:",
        f"{CLOCKS}::test_after_a_jump_nothing_expires_until_the_clock_is_trusted_again",
    ),
    Fault(
        "expiry is no chore that trusts the clock",
        "gateway/lanes.py",
        'Chore("expire", lifecycle.expire, trusts_clock=True)',
        'Chore("expire", lifecycle.expire)',
        f"{CLOCKS}::test_after_a_jump_nothing_expires_until_the_clock_is_trusted_again",
    ),
    Fault(
        "nothing is looked at again after a clock jump",
        SWEEP,
        "                self._look_again()",
        "                pass",
        f"{CLOCKS}::test_what_a_clock_ahead_put_off_is_looked_at_when_the_clock_is_put_right",
    ),
    Fault(
        "the sweep does not do the work itself",
        SWEEP,
        "(not left or self._seen[lane.name, pk] > 2)",
        "False",
        f"{LANES}::test_the_sweep_finds_it_and_nudges_or_does_it_itself",
    ),
    Fault(
        "a busy worker counts as silent",
        "work/rounds.py",
        "if alive or (name != NUDGES and self._is_busy(name, under_way)):",
        "if alive:",
        f"{SILENT}::test_a_worker_whose_hands_are_full_is_not_silent",
    ),
    Fault(
        "rounds of the sweep are not counted for a silent worker",
        "work/rounds.py",
        "            self._count(lane.worker)",
        "            pass",
        f"{SILENT}::test_workers_that_take_up_nothing_are_found_out_by_the_sweep_that_does_their_work",
    ),
    Fault(
        "a move ignores the claim",
        LIFECYCLE,
        "    if claim is not None:\n",
        "    if False:\n",
        f"{IN_DOUBT}::test_a_worker_that_lost_its_claim_moves_nothing",
    ),
    Fault(
        "a move ignores the old status",
        LIFECYCLE,
        '{"pk__in": list(columns), "status": old}',
        '{"pk__in": list(columns)}',
        f"{IN_DOUBT}::test_a_batch_that_has_another_status_by_now_is_not_moved",
    ),
    Fault(
        "a move keeps the revision",
        LIFECYCLE,
        '{"status": new, "revision": F("revision") + 1, "deaths": 0,',
        '{"status": new, "deaths": 0,',
        f"{IN_DOUBT}::test_a_move_is_a_new_revision_with_its_event",
    ),
    Fault(
        "a process whose clock is ahead ends batches",
        LIFECYCLE,
        "deadline__lte=Now() + claims.SLACK",
        "deadline__lte=now",
        f"{CLOCKS}::test_a_clock_that_jumps_ahead_ends_no_batch_whose_deadline_is_to_come",
    ),
    Fault(
        "a batch ends under the hands of its worker",
        LIFECYCLE,
        "Batch.objects.filter(claims.free(), status__in=OPEN, deadline__lte=now)",
        "Batch.objects.filter(status__in=OPEN, deadline__lte=now)",
        f"{IN_DOUBT}::test_a_batch_does_not_expire_while_somebody_is_at_work_on_it",
    ),
    Fault(
        "the tables take a release while somebody is undecided",
        TABLES,
        "('undecided', 0), ('unread', 0)), _connector='OR')",
        "('unread', 0)), _connector='OR')",
        f"{ANSWERS}::test_the_database_refuses_a_release_in_doubt",
    ),
    Fault(
        "the tables take one person for two",
        TABLES,
        ", models.Q(('first_accepted_by', models.F('second_accepted_by')), _negated=True)), _connector='OR')",
        "), _connector='OR')",
        "tests/verbs/test_second_person.py::test_the_database_holds_that_two_persons_are_two",
    ),
)
