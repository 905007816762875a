"""Faults of the download of contact files, of the spool, and of reading from it."""

from tests.mutants.fault import Fault

FRAMES, SPOOLED, DISK = (f"sendouts/spool/{name}.py" for name in ("frames", "spooled", "disk"))
DOWNLOAD, SCREEN = (f"sendouts/stages/screening/{name}.py" for name in ("download", "contact_file"))
CLIENT, ARCHIVE = "sendouts/symplify/client.py", "sendouts/symplify/archive.py"
TESTS, PACKED = "tests/stages/test_spool.py", "tests/symplify/test_items_packed.py"
PATHS, REDIRECTS = "tests/outbound/test_exact_paths.py", "tests/outbound/test_redirects.py"

COLUMNS = "sendouts/spool/offer_columns.py"
OFFER, USE = "sendouts/stages/screening/compare_offer.py", "sendouts/verbs/use_file.py"
WORKBOOK, SAVED = "sendouts/spool/workbook.py", "tests/desk/batch/test_saved_files.py"

BUCKET, STORAGE = "sendouts/spool/bucket.py", "tests/stages/test_spool_in_storage.py"

FAULTS = (
    Fault(
        "each run downloads the further pages of a file again",
        SCREEN,
        "                if (page := self._kept.find(self._number)) is not None:\n",
        "                if (page := None) is not None:\n",
        "tests/stages/test_spooled_pages.py::test_each_page_is_downloaded_once_for_all_runs_and_goes_with_the_batch",
    ),
    Fault(
        "a download in a storage goes on at the start of its file",
        BUCKET,
        "        self._size, self._frames = size, frames\n",
        "        self._size, self._frames = 0, 0\n",
        f"{STORAGE}::test_a_killed_download_goes_on_behind_its_last_whole_segment",
    ),
    Fault(
        "what follows a damaged segment is written where nobody reads it",
        SPOOLED,
        "            if store().cuts:\n",
        "            if True:\n",
        f"{STORAGE}::test_behind_a_damaged_segment_nothing_is_written",
    ),
    Fault(
        "a storage that fails once is given up",
        DOWNLOAD,
        "    if attempts < STORAGE_TRIES:\n",
        "    if False:\n",
        f"{STORAGE}::test_a_storage_that_is_away_for_a_while_costs_no_download",
    ),
    Fault(
        "the platform's file is read in place of a person's",
        SCREEN,
        "STORAGE_TRIES or spool.earlier_token:",
        "STORAGE_TRIES:",
        f"{STORAGE}::test_a_file_that_a_person_sent_is_waited_for_since_the_platform_has_another",
    ),
    Fault(
        "objects of others in the bucket are removed",
        BUCKET,
        "if _KEY.fullmatch(key):",
        "if True:",
        f"{STORAGE}::test_a_batch_ends_while_the_storage_is_away_and_its_file_goes_later",
    ),
    Fault(
        "a storage is listed for each file",
        BUCKET,
        "if time.monotonic() >= self._count_again:",
        "if True:",
        f"{STORAGE}::test_a_file_is_stored_in_segments_and_listed_seldom",
    ),
    Fault(
        "a silent storage is waited for",
        BUCKET,
        "        read_timeout=READ_SECONDS,\n",
        "",
        f"{STORAGE}::test_a_silent_storage_is_away_after_its_time_out",
    ),
    Fault(
        "a storage that just failed is called again",
        BUCKET,
        "if time.monotonic() < self._away_until:",
        "if False:",
        f"{STORAGE}::test_a_storage_that_failed_is_not_called_at_once_again",
    ),
    Fault(
        "contacts are lost without the right to take that on",
        USE,
        "            base.check_permission(act.user, base.TAKE_ON)\n",
        "",
        f"{SAVED}::test_the_verb_itself_asks_for_note_and_right",
    ),
    Fault(
        "a file that was compared with other contacts is used",
        USE,
        'row.offered["mark"] != compare_offer.stored_mark(batch.pk)',
        "False",
        f"{SAVED}::test_a_second_file_replaces_the_first_and_who_saw_the_first_does_not_use_the_second",
    ),
    Fault(
        "an id that occurs twice is compared once",
        OFFER,
        "                        right[address] -= 1\n",
        "",
        f"{SAVED}::test_the_comparison_is_exact_also_where_ids_occur_twice",
    ),
    Fault(
        "a lost contact that is named is another one",
        OFFER,
        "        to.add(contact, mark, text, pk & 0xFFFF_FFFF)\n",
        "        to.add(contact, mark, text, (pk & 0xFFFF_FFFF) + 1)\n",
        f"{SAVED}::test_the_lost_contacts_are_named_and_can_be_downloaded_which_is_recorded",
    ),
    Fault(
        "the first page of many is taken for a whole offered file",
        COLUMNS,
        'reader.broken in {"rows_missing", "more_pages"}',
        "False",
        f"{SAVED}::test_a_file_of_another_form_is_refused_with_a_way_out_and_nothing_is_changed[first page]",
    ),
    Fault(
        "a number that a spreadsheet has rounded passes as an id",
        WORKBOOK,
        "value.adjusted() >= EXACT_DIGITS",
        "False",
        "tests/stages/test_workbooks.py::test_a_number_that_the_spreadsheet_has_rounded_is_left_empty_and_counted",
    ),
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
        'for column in ("sealed", "earlier_sealed", "offered_sealed"):',
        "for column in ():",
        f"{TESTS}::test_a_rotation_of_keys_leaves_a_kept_file_open",
    ),
    Fault(
        "a call leaves by a path that libcurl has rewritten",
        "outbound/transfer.py",
        "        self.handle.setopt(pycurl.REQUEST_TARGET, target.path)\n",
        "        self.handle.setopt(pycurl.URL, target.uri)\n",
        f"{PATHS}::test_what_leaves_is_what_came_for_downloads_and_for_calls",
    ),
    Fault(
        "a download leaves by a path that requests has rewritten",
        "outbound/session.py",
        "path = _path.get() or url",
        "path = url",
        f"{PATHS}::test_what_leaves_is_what_came_for_downloads_and_for_calls",
    ),
    Fault(
        "redirects are followed without end",
        CLIENT,
        "for _ in range(MAX_REDIRECTS + 1):",
        "for _ in range(99):",
        f"{REDIRECTS}::test_up_to_three_redirects_are_followed_also_relative_ones",
    ),
    Fault(
        "another host gets what authorises us at the first",
        CLIENT,
        "if origin(found) != origin(uri):",
        "if False:",
        f"{REDIRECTS}::test_what_authorises_us_stays_with_the_host_that_it_is_for",
    ),
    Fault(
        "the checksum of an archive is not looked at",
        ARCHIVE,
        "if (checked, found & _UNKNOWN) != (crc, size & _UNKNOWN):",
        "if False:",
        f"{PACKED}::test_a_damaged_archive_is_never_complete_with_other_rows",
    ),
    Fault(
        "the first of several files in an archive is taken for the whole",
        ARCHIVE,
        "if self._files != 1:",
        "if not self._files:",
        f"{PACKED}::test_any_other_archive_is_held_and_its_files_are_named",
    ),
    Fault(
        "a bomb in an archive is unpacked",
        "sendouts/symplify/source.py",
        "                if self._is_bomb(unpacked):\n                    return\n                if plain:",
        "                if plain:",
        f"{PACKED}::test_an_archive_that_unpacks_to_far_too_much_is_given_up_in_constant_memory",
    ),
)
