"""Faults at the edges: the door, the journal, the plan and its actions, suppression lists, the guard of the way out."""

from tests.mutants.fault import Fault

DOOR, RECORD, PLAN, RUN = (
    "sendouts/intake/door.py",
    "sendouts/intake/journal/record.py",
    "actions/plan/merge.py",
    "actions/plan/run.py",
)
GUARD, SESSION = "outbound/guard.py", "outbound/session.py"
LISTS, MERGING, RUNNING = (f"tests/actions/test_{name}.py" for name in ("suppression_lists", "merging", "running"))
ADDRESSES, URIS = "tests/outbound/test_guard_addresses.py", "tests/outbound/test_guard_uris.py"
DOOR_TESTS, RECORDS = "tests/intake/test_door.py", "tests/intake/test_journal_records.py"

FAULTS = (
    Fault(
        "the door is open",
        DOOR,
        "if not self._may_enter(headers):",
        "if False:",
        f"{DOOR_TESTS}::test_anything_else_stays_outside_and_learns_nothing",
    ),
    Fault(
        "only the last token opens the door",
        DOOR,
        "entered |= hmac.compare_digest(token, valid)",
        "entered = hmac.compare_digest(token, valid)",
        f"{DOOR_TESTS}::test_every_configured_credential_enters",
    ),
    Fault(
        "a hook has any length",
        DOOR,
        "            if size > self._max_bytes:",
        "            if False:",
        f"{DOOR_TESTS}::test_over_the_size_limit_is_413_also_without_a_declared_length",
    ),
    Fault(
        "what could not be stored is acknowledged",
        DOOR,
        "        except NotStored:",
        "        except ZeroDivisionError:",
        f"{DOOR_TESTS}::test_what_cannot_be_stored_is_never_acknowledged",
    ),
    Fault(
        "a hook that is there already is an error",
        "sendouts/intake/store.py",
        "ON CONFLICT (uuid) DO NOTHING RETURNING id",
        "RETURNING id",
        f"{DOOR_TESTS}::test_a_hook_whose_id_is_there_already_is_stored_once",
    ),
    Fault(
        "a damaged record is read",
        RECORD,
        " or given != self._digest(data[head.start : head.start + _FIELDS.size], payload):",
        ":",
        f"{RECORDS}::test_one_flipped_bit_of_a_body_costs_its_record_and_is_told",
    ),
    Fault(
        "damage in a journal is not told",
        RECORD,
        "found.damaged += at < len(data) or not self._is_torn(data[start:])",
        "found.damaged += 0",
        f"{RECORDS}::test_one_flipped_bit_of_a_body_costs_its_record_and_is_told",
    ),
    Fault(
        "definitions that are equal but for on_failure run once",
        PLAN,
        "key = (definition.kind, definition.config, details, definition.on_failure)",
        'key = (definition.kind, definition.config, details, "hold")',
        f"{MERGING}::test_equal_but_for_on_failure_is_not_equal",
    ),
    Fault(
        "the sendout's actions run first",
        PLAN,
        '{"project": 0, "sendout": 1}',
        '{"project": 1, "sendout": 0}',
        f"{MERGING}::test_actions_run_by_phase_then_project_then_position",
    ),
    Fault(
        "every definition runs",
        PLAN,
        'if definition.run == "always" else []',
        "if True else []",
        f"{MERGING}::test_every_definition_that_takes_part_is_there_once_for_each_of_its_details",
    ),
    Fault(
        "what nobody defined is forgotten",
        PLAN,
        "for name, found in wanted.items() if name not in defined for each",
        "for name, found in wanted.items() if False for each",
        f"{MERGING}::test_what_nobody_defined_is_kept_in_order",
    ),
    Fault(
        "a later action may undo a rejection",
        RUN,
        "if verdict is ACCEPT or run.verdicts[place].word is Word.REJECT:",
        "if verdict is ACCEPT:",
        "tests/actions/test_preparing.py::test_a_transfer_that_cannot_be_prepared_leaves_a_rejection_its_reason",
    ),
    Fault(
        "on_failure is ignored",
        RUN,
        "word = _ON_FAILURE.get(planned.on_failure, Word.UNDECIDED)",
        "word = Word.ACCEPT",
        f"{RUNNING}::test_only_the_failed_page_is_treated_as_the_definition_says",
    ),
    Fault(
        "a page may be answered in part",
        RUN,
        "if not isinstance(answers, Sequence) or len(answers) != expected:",
        "if not isinstance(answers, Sequence):",
        f"{RUNNING}::test_an_answer_that_breaks_the_contract_holds_the_page",
    ),
    Fault(
        "services are asked without time",
        RUN,
        "if kind.waits and context.time_left() <= 0:",
        "if False:",
        f"{RUNNING}::test_nobody_is_asked_once_the_time_is_used_up",
    ),
    Fault(
        "an effect is prepared for contacts that a later check rejects",
        RUN,
        "if not (actions[each[1]].phase in checks and run.verdicts[each[0]].word is rejected)",
        "if True",
        "tests/actions/test_preparing.py::test_what_was_prepared_is_dropped_for_who_is_rejected_later",
    ),
    Fault(
        "an expired entry of a list counts",
        "actions/suppression/lookups.py",
        "if entry.expires_at is None or entry.expires_at > now",
        "if True",
        f"{LISTS}::test_an_expired_entry_does_not_count",
    ),
    Fault(
        "a project uses the list of another",
        "actions/suppression/lookups.py",
        "Q(archived=False) & (Q(project__isnull=True) | Q(project__name=project))",
        "Q(archived=False)",
        f"{LISTS}::test_a_list_of_one_project_is_unknown_to_the_others_and_a_list_of_all_is_not",
    ),
    Fault(
        "an archived list is used",
        "actions/suppression/lookups.py",
        "Q(archived=False) & ",
        "",
        f"{LISTS}::test_an_archived_list_is_unknown",
    ),
    Fault(
        "a private address is dialled for any entry",
        GUARD,
        "return is_public(address) or (target.may_be_private and is_private(address))",
        "return is_public(address) or is_private(address)",
        f"{ADDRESSES}::test_a_private_address_is_dialled_only_for_an_entry_with_a_port_or_an_address",
    ),
    Fault(
        "an address of a cloud's credentials is private",
        "outbound/addresses.py",
        "    if reached in METADATA:\n",
        "    if False:\n",
        f"{ADDRESSES}::test_some_addresses_are_never_dialled",
    ),
    Fault(
        "a host that nobody listed is called",
        GUARD,
        "    if not listed:\n",
        "    if False:\n",
        f"{URIS}::test_an_empty_list_allows_nothing",
    ),
    Fault(
        "http needs no permission",
        GUARD,
        'if scheme not in PORTS or (scheme == "http" and not allow.allow_http):',
        "if scheme not in PORTS:",
        f"{URIS}::test_http_needs_its_own_permission",
    ),
    Fault(
        "a user in a URI is passed over",
        GUARD,
        '    if "@" in authority:\n',
        "    if False:\n",
        f"{URIS}::test_a_hostile_uri_is_refused_with_its_code",
    ),
    Fault(
        "redirects are followed",
        SESSION,
        'options["allow_redirects"] = False',
        'options.setdefault("allow_redirects", False)',
        "tests/outbound/test_session.py::test_a_redirect_is_an_answer_even_where_the_caller_asks_to_follow",
    ),
    Fault(
        "every address of a name is dialled",
        SESSION,
        "[address for address in addresses if address_allowed(address, target)]",
        "addresses",
        "tests/outbound/test_rebinding.py::test_a_name_that_turns_inside_between_two_connections_is_refused",
    ),
)
