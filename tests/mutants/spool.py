"""Faults of the download of contact files, of the spool, and of reading from it."""

from tests.mutants.fault import Fault

FRAMES, SPOOLED, DISK = (f"sendouts/spool/{name}.py" for name in ("frames", "spooled", "disk"))
DOWNLOAD, SCREEN = (f"sendouts/stages/screening/{name}.py" for name in ("download", "contact_file"))
CLIENT, TESTS = "sendouts/symplify/client.py", "tests/stages/test_spool.py"

FAULTS = (
    Fault(
        "blocks of a kept file may be swapped",
        FRAMES,
        'return self._token + number.to_bytes(8, "big") + bytes([last])',
        "return bytes([last])",
        f"{TESTS}::test_a_damaged_file_is_noticed_and_downloaded_again",
    ),
    Fault(
        "a kept file that was cut is waited for",
        SPOOLED,
        "                if self._whole:\n",
        "                if False:\n",
        f"{TESTS}::test_a_damaged_file_is_noticed_and_downloaded_again",
    ),
    Fault(
        "a contact file lies readable on the disk",
        FRAMES,
        "sealed = nonce + self._cipher.encrypt(nonce, plain, self._place(number, last))",
        "sealed = nonce + plain",
        f"{TESTS}::test_nothing_of_a_kept_file_can_be_read_without_its_row",
    ),
    Fault(
        "everybody on the host may open a kept file",
        DISK,
        "path.touch(mode=0o600)",
        "path.touch()",
        f"{TESTS}::test_nothing_of_a_kept_file_can_be_read_without_its_row",
    ),
    Fault(
        "what a kill tore stays in the file",
        DISK,
        "        self._file.truncate(size)\n",
        "        size = self._file.seek(0, 2)\n",
        f"{TESTS}::test_a_killed_download_goes_on_behind_its_last_whole_block",
    ),
    Fault(
        "the spool has no bound",
        DISK,
        "return used + BLOCK <= self._limit and",
        "return",
        f"{TESTS}::test_without_room_a_file_is_screened_while_it_comes",
    ),
    Fault(
        "any rest is taken for the rest of this file",
        CLIENT,
        "if found is None or int(found[1]) != self.received",
        "if found is None",
        f"{TESTS}::test_without_a_rest_that_fits_the_file_comes_again_from_the_start",
    ),
    Fault(
        "the rest is asked for without a mark of the file",
        CLIENT,
        '"If-Range": mark} if mark and self.received else {}',
        '"If-Range": mark} if self.received else {}',
        f"{TESTS}::test_without_a_rest_that_fits_the_file_comes_again_from_the_start",
    ),
    Fault(
        "an expired link looks like any other no",
        DOWNLOAD,
        "if problem.expired or (worked and problem.status in EXPIRED):",
        "if False:",
        f"{TESTS}::test_a_link_that_worked_and_expired_is_told_as_such_and_tried_again_by_a_person",
    ),
    Fault(
        "a cut counts although the file got further",
        DOWNLOAD,
        "tries = 1 if further and broken else row.tries + 1",
        "tries = row.tries + 1",
        f"{TESTS}::test_a_file_may_be_cut_any_number_of_times_while_it_gets_further",
    ),
    Fault(
        "a contact file outlives its batch",
        "sendouts/lifecycle.py",
        "update(state=Spool.State.OVER, due_at=claims.due_in())",
        "update(state=Spool.State.OVER)",
        f"{TESTS}::test_one_download_serves_screening_and_every_further_run_and_goes_with_the_batch",
    ),
    Fault(
        "a file that is not ready yet is given up",
        CLIENT,
        "if source.status in NOT_YET or source.status in LATER",
        "if source.status in LATER",
        f"{TESTS}::test_a_file_that_is_not_ready_yet_is_asked_for_again",
    ),
    Fault(
        "a rotation of keys forgets the kept files",
        "sendouts/privacy/rotation.py",
        'for column in ("sealed", "earlier_sealed"):',
        "for column in ():",
        f"{TESTS}::test_a_rotation_of_keys_leaves_a_kept_file_open",
    ),
)
