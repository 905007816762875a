"""Faults in reading contact files: what is in doubt would be guessed."""

from tests.mutants.fault import Fault

PLAIN, ROWS, CSV, ITEMS, FORMATS = (
    f"sendouts/symplify/{name}.py" for name in ("plain", "rows", "csvfile", "items", "formats")
)
WORDS = "tests/stages/test_words_for_nothing.py"
DOUBTFUL, PAGES = "tests/symplify/test_items_doubtful.py", "tests/symplify/test_pages.py"

FAULTS = (
    Fault(
        "a word for nothing is a value",
        "actions/catalog/field_rule/kind.py",
        "            if is_for_nothing(text, words) and text.casefold() not in named:",
        "            if False:",
        "tests/actions/test_field_rule.py::test_a_word_for_nothing_is_never_judged_less_strictly_than_another_text",
    ),
    Fault(
        "the last of two keys wins",
        PLAIN,
        "                found[key] = Twice(value)",
        "                found[key] = value",
        f"{DOUBTFUL}::test_two_keys_with_one_name_must_agree",
    ),
    Fault(
        "keys that differ in case only are two",
        PLAIN,
        "    return not any(map(has_variants, shapes))",
        "    return True",
        f"{DOUBTFUL}::test_two_keys_with_one_name_must_agree",
    ),
    Fault(
        "the last of two columns wins",
        CSV,
        "Twice(record[place]) if len(values) > 1 else ",
        "",
        f"{DOUBTFUL}::test_two_columns_with_one_name_must_agree",
    ),
    Fault(
        "a cell too many is never in doubt",
        CSV,
        "        return len(record) == self._width or self._is_uri_last(record)",
        "        return True",
        f"{DOUBTFUL}::test_a_cell_too_many_is_in_doubt_where_an_address_may_hold_the_delimiter",
    ),
    Fault(
        "text in two charsets is guessed",
        CSV,
        " or _EUROPEAN_UTF8.search(line) is not None",
        "",
        f"{DOUBTFUL}::test_text_that_is_damaged_costs_its_row_and_is_never_guessed",
    ),
    Fault(
        "a declared charset says nothing",
        FORMATS,
        '        name = codecs.lookup(found[1]).name if found else ""',
        '        name = ""',
        f"{DOUBTFUL}::test_every_plausible_form_of_a_table_is_read",
    ),
    Fault(
        "an id that a spreadsheet has rounded is an id",
        ROWS,
        "        if changed := _mangled(contact_id):",
        "        if False and (changed := _mangled(contact_id)):",
        f"{DOUBTFUL}::test_an_id_that_a_spreadsheet_has_changed_is_unread_with_the_advice_why",
    ),
    Fault(
        "a page of ordinary ids is not looked at",
        ROWS,
        "        if _are_plain(rows, self._empty_words):",
        "        if True:",
        f"{DOUBTFUL}::test_what_nobody_sees_is_dropped_around_names_and_ids_and_counted",
    ),
    Fault(
        "the first page is the whole file",
        ITEMS,
        "            if not paging.more:",
        "            if True:",
        f"{PAGES}::test_a_file_that_says_it_has_more_is_not_complete",
    ),
    Fault(
        "rows that are missing do not matter",
        ITEMS,
        "        if self.rows < self.total:",
        "        if False:",
        f"{PAGES}::test_a_file_that_says_it_has_more_is_not_complete",
    ),
    Fault(
        "pages may lead in a circle",
        ITEMS,
        " or paging.next in followed",
        "",
        f"{PAGES}::test_pages_that_lead_in_a_circle_end",
    ),
    Fault(
        "a planned batch takes the words of today",
        "actions/plan/merge.py",
        'raw.get("empty_words", _EARLIER_WORDS)',
        "EMPTY_WORDS",
        f"{WORDS}::test_a_project_has_its_own",
    ),
    Fault(
        "a plan from before has the words of today",
        "actions/plan/merge.py",
        'raw.get("empty_words", _EARLIER_WORDS)',
        'raw.get("empty_words", map(str.casefold, EMPTY_WORDS))',
        f"{WORDS}::test_a_plan_from_before_has_the_words_of_then",
    ),
    Fault(
        "a single is read with the usual words",
        "sendouts/stages/screening/singles.py",
        "sealing.of_hook(uuid)), words[batch_id])",
        "sealing.of_hook(uuid)))",
        f"{WORDS}::test_a_project_has_its_own",
    ),
    Fault(
        "a file is read with the usual words",
        "sendouts/stages/screening/contact_file.py",
        "            empty_words=words_of(batch.plan.content),\n",
        "",
        f"{WORDS}::test_a_project_has_its_own",
    ),
    Fault(
        "a word of the project's own escapes the test of many ids",
        ROWS,
        "    plain = sorted(filter(str.isascii, words))",
        "    plain = sorted(filter(str.isascii, NOTHING))",
        f"{DOUBTFUL}::test_a_word_that_only_one_project_has_is_found_among_plain_ids",
    ),
    Fault(
        "a rule knows the usual words only",
        "sendouts/services/context.py",
        "            empty_words=self._empty_words,\n",
        "",
        f"{WORDS}::test_a_project_has_its_own",
    ),
    Fault(
        "a word for nothing passes a list",
        "actions/catalog/suppression.py",
        "if strict else ()",
        "if False else ()",
        "tests/actions/test_suppression.py::test_a_word_for_nothing_is_a_missing_field_unless_that_is_less_strict",
    ),
)
