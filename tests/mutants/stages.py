"""Faults of the stages, from planning to the release, and of the times that they keep."""

from tests.mutants.fault import Fault

DEADLINES = "sendouts/deadlines.py"
PLANNING, REVIEW, FINISHING = (f"sendouts/stages/{name}.py" for name in ("planning", "review", "finishing"))
CHUNKS, SEND = "sendouts/stages/chunks.py", "sendouts/stages/delivery.py"
FILES, SINGLES = "sendouts/stages/screening/contact_file.py", "sendouts/stages/screening/singles.py"
IN_DOUBT, ANSWERS = "tests/stages/test_rows_in_doubt.py", "tests/stages/test_answers.py"
TIMES, WAITS, WAY = (f"tests/stages/test_{name}.py" for name in ("deadlines", "who_waits", "way_of_a_batch"))
TWO = "tests/verbs/test_second_person.py"

FAULTS = (
    Fault(
        "no margin before the deadline",
        DEADLINES,
        "return min(LONGEST_MARGIN, window / 5)",
        "return timedelta()",
        f"{TIMES}::test_the_reserve_grows_with_what_must_be_sent",
    ),
    Fault(
        "the clock acts without time for the rejections",
        DEADLINES,
        "return deadline - max(margin(deadline - received_at), needed)",
        "return deadline - margin(deadline - received_at)",
        f"{TIMES}::test_the_reserve_grows_with_what_must_be_sent",
    ),
    Fault(
        "screening uses the whole reserve",
        DEADLINES,
        "return deadline - margin(deadline - received_at) / 2",
        "return deadline",
        f"{TIMES}::test_screening_leaves_half_of_the_reserve_to_the_answers",
    ),
    Fault(
        "a delivery that is known is planned again",
        PLANNING,
        "fresh, seen = [], set(known)",
        "fresh, seen = [], set()",
        f"{WAY}::test_a_duplicate_hook_is_one_delivery",
    ),
    Fault(
        "a hook past its deadline is planned",
        PLANNING,
        "late = deadline <= min(now, self._database_now)",
        "late = False",
        f"{TIMES}::test_a_hook_that_is_planned_too_late_ends_at_once_without_a_download",
    ),
    Fault(
        "the release address of another file is no reason to wait",
        PLANNING,
        "if finish in same_finish and hook.download_uri",
        "if False",
        f"{WAY}::test_the_same_release_address_with_another_file_waits_for_a_person",
    ),
    Fault(
        "a file that was cut off is taken as whole",
        FILES,
        '"file_complete": reader.complete,',
        '"file_complete": True,',
        f"{WAITS}::test_a_cut_file_is_downloaded_again_and_then_waits",
    ),
    Fault(
        "a second download may be another file",
        FILES,
        "if bytes(stored[number]) != digest.digest():",
        "if False:",
        f"{WAITS}::test_a_file_that_differs_at_the_second_download_is_screened_from_the_start_once",
    ),
    Fault(
        "a screening ends in the hands of a worker that lost it",
        FILES,
        "        claim.extend([batch.pk])\n        if shared",
        "        if shared",
        "tests/stages/test_keeping.py::test_a_worker_that_lost_its_claim_ends_no_screening",
    ),
    Fault(
        "an unreadable row counts as accepted",
        "sendouts/stages/screening/judge.py",
        "row.contact_id, uri, DecisionVerdict.UNDECIDED, True, *why",
        "row.contact_id, uri, DecisionVerdict.ACCEPTED, False, *why",
        f"{WAITS}::test_a_row_that_cannot_be_read_is_counted_and_named",
    ),
    Fault(
        "undecided contacts are no reason to wait",
        REVIEW,
        "    if batch.undecided:\n",
        "    if False:\n",
        f"{WAITS}::test_undecided_contacts_are_held",
    ),
    Fault(
        "an action that nobody defined is no reason to wait",
        REVIEW,
        'if batch.plan.content["unknown"]:',
        "if False:",
        f"{WAITS}::test_an_action_that_nobody_defined_is_held",
    ),
    Fault(
        "attention does not hold a batch",
        REVIEW,
        "if batch.held_for or batch.attention:",
        "if batch.held_for:",
        f"{WAITS}::test_a_row_that_cannot_be_read_is_counted_and_named",
    ),
    Fault(
        "the clock acts on a row that is not due any more",
        REVIEW,
        " or batch.due_at is None or batch.due_at > moment:",
        ":",
        f"{IN_DOUBT}::test_the_clock_leaves_a_batch_that_is_not_due_any_more",
    ),
    Fault(
        "the clock accepts where two people must",
        REVIEW,
        "return rules.clock_waits(batch) or bool(",
        "return bool(",
        f"{TWO}::test_the_clock_is_no_second_person",
    ),
    Fault(
        "the clock lets the undecided through",
        REVIEW,
        "undecided=DecisionVerdict.REJECTED)",
        "undecided=DecisionVerdict.ACCEPTED)",
        f"{TIMES}::test_accepting_near_the_deadline_rejects_the_undecided",
    ),
    Fault(
        "chunks are not marked before their rejections leave",
        CHUNKS,
        ".update(sending=True)",
        ".update(sending=False)",
        f"{IN_DOUBT}::test_a_chunk_is_marked_before_its_first_rejection_leaves",
    ),
    Fault(
        "the claim is not checked before rejections leave",
        CHUNKS,
        "        work.claim.check(work.ids)",
        "        pass",
        f"{IN_DOUBT}::test_nothing_leaves_for_a_batch_that_was_taken_away_while_its_rejections_were_read",
    ),
    Fault(
        "what was marked when a worker died is sent as if for the first time",
        CHUNKS,
        "repeat_of_lost=answer == Answer.LOST or chunk_start in lost",
        "repeat_of_lost=answer == Answer.LOST",
        f"{ANSWERS}::test_after_a_kill_gone_confirms_what_may_have_been_sent[then0]",
    ),
    Fault(
        "rejections are sent after the deadline",
        CHUNKS,
        "if batch.deadline <= now or batch.pk in work.held:",
        "if batch.pk in work.held:",
        f"{IN_DOUBT}::test_no_rejection_leaves_when_the_deadline_passes_while_they_are_read",
    ),
    Fault(
        "a batch goes on with rejections open",
        SEND,
        "if has_open_rejections(counts[batch.pk]) and",
        "if False and",
        f"{ANSWERS}::test_gone_at_the_first_attempt_is_no_confirmation",
    ),
    Fault(
        "answers are lost where the database fails",
        SEND,
        "if work.answers and outages.is_outage(error):",
        "if False:",
        f"{ANSWERS}::test_answers_are_kept_where_the_database_fails_at_the_next_rejections",
    ),
    Fault(
        "gone confirms a first attempt",
        "sendouts/symplify/client.py",
        "if answer.status in GONE and (repeat_of_lost or nobody_left):",
        "if answer.status in GONE:",
        f"{ANSWERS}::test_gone_at_the_first_attempt_is_no_confirmation",
    ),
    Fault(
        "the intent of a release does not mark its answer as lost",
        FINISHING,
        "finish_lost=True)",
        "finish_lost=False)",
        f"{IN_DOUBT}::test_while_the_release_is_called_its_answer_counts_as_lost",
    ),
    Fault(
        "a definite answer clears the doubt of an earlier release",
        FINISHING,
        "lost = attempt.outcome is client.CallOutcome.LOST or batch.finish_lost",
        "lost = attempt.outcome is client.CallOutcome.LOST",
        f"{IN_DOUBT}::test_a_definite_answer_undoes_the_doubt_of_its_own_call_and_of_no_earlier_one[True]",
    ),
    Fault(
        "a release that was lost is repeated as if for the first time",
        FINISHING,
        "repeat_of_lost=batch.finish_lost",
        "repeat_of_lost=False",
        f"{ANSWERS}::test_a_lost_release_is_repeated_once_and_recorded[410]",
    ),
    Fault(
        "a release is called after the deadline",
        FINISHING,
        "[batch for batch in batches if batch.deadline > timezone.now()]",
        "batches",
        f"{IN_DOUBT}::test_no_release_is_called_after_the_deadline",
    ),
    Fault(
        "a lifted rule of two is lifted for held batches",
        "sendouts/rules.py",
        "known = (batch.second_person_from, batch.project.second_person_from)",
        "known = (batch.project.second_person_from,)",
        f"{TWO}::test_a_rule_that_held_when_the_batch_came_is_not_lifted_for_it",
    ),
    Fault(
        "undecided contacts are released alone",
        "sendouts/rules.py",
        "return (vouches and bars_own_changes(batch)) or changed_by(batch, user) > 0",
        "return changed_by(batch, user) > 0",
        f"{TWO}::test_nobody_releases_alone_what_no_check_accepted_where_nobody_accepts_own_changes",
    ),
)
