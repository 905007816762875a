"""Faults in what an answer means: the bodies of the platform and of chats, hosts of contacts, shared addresses."""

from tests.mutants.fault import Fault

CLIENT, CLIENT_TESTS = "sendouts/symplify/client.py", "tests/outbound/test_client.py"
SHARED, HOSTS = "tests/stages/test_shared_uris.py", "tests/stages/test_addresses.py"
ANSWERS = "tests/stages/test_answers.py"

FAULTS = (
    Fault(
        "a page for people confirms",
        "outbound/body.py",
        "        if _HTML.search(text):\n            return BodyFault.HTML\n",
        "",
        "tests/outbound/test_body.py::test_a_page_for_people_confirms_nothing",
    ),
    Fault(
        "an error under 200 confirms a rejection",
        CLIENT,
        "return later if fault else CallOutcome.CONFIRMED",
        "return CallOutcome.CONFIRMED",
        f"{ANSWERS}::test_a_rejection_that_says_no_under_200_lets_nobody_through_and_is_repeated",
    ),
    Fault(
        "a body without its end confirms",
        "outbound/transfer.py",
        "self.cut = bool(error)",
        "self.cut = False",
        f"{CLIENT_TESTS}::test_bodies_of_every_length_and_ending_are_judged_over_the_wire",
    ),
    Fault(
        "the settings do not say what must not confirm",
        CLIENT,
        "if platform.refuse_body and",
        "if not platform.refuse_body and",
        f"{CLIENT_TESTS}::test_a_status_that_confirms_needs_a_body_that_does",
    ),
    Fault(
        "a shared address is called though a contact is accepted",
        "sendouts/stages/chunks.py",
        "if firsts.get(pk, pk) != pk or pk in kept_back:",
        "if firsts.get(pk, pk) != pk:",
        f"{SHARED}::test_whatever_was_accepted_a_mixed_address_is_never_called",
    ),
    Fault(
        "contacts that share an address are accepted and rejected",
        "sendouts/verbs/accept.py",
        "    if mixed:\n",
        "    if False:\n",
        f"{SHARED}::test_one_contact_that_a_person_changes_later_meets_the_same_rule",
    ),
    Fault(
        "shared addresses in different chunks are not found",
        "sendouts/stages/screening/contact_file.py",
        "if shared and shared_uris.record(batch.pk):",
        "if False:",
        f"{SHARED}::test_contacts_far_apart_in_a_file_are_found_and_answered_together",
    ),
    Fault(
        "the clock rejects one of those who share an address",
        "sendouts/stages/review.py",
        " or bool(shared_uris.count_mixed(batch.pk, DecisionVerdict.REJECTED))",
        "",
        f"{SHARED}::test_the_clock_leaves_a_mixed_address_to_a_person",
    ),
    Fault(
        "the answer to a shared address holds for one contact",
        "sendouts/stages/delivery.py",
        "        if pk in work.shared:",
        "        if False:",
        f"{SHARED}::test_an_address_of_rejected_contacts_alone_is_called_once_and_answers_for_all",
    ),
    Fault(
        "a host that is not allowed is met after the acceptance",
        "sendouts/stages/screening/contact_file.py",
        "    if attention:\n        return attention, data\n",
        "",
        f"{HOSTS}::test_a_host_that_is_not_allowed_stops_the_batch_in_screening_and_is_named",
    ),
    Fault(
        "a rejection that cannot be sent is accepted",
        "sendouts/verbs/accept.py",
        "if batch.attention != Attention.HOST_NOT_LISTED:",
        "if True:",
        f"{HOSTS}::test_nobody_accepts_a_rejection_that_could_not_be_sent",
    ),
    Fault(
        "an address without a scheme is a path",
        "sendouts/stages/screening/addresses.py",
        "[^/?#.:]+(?:[/?#]|$)",
        "[^/?#]+(?:[/?#]|$)",
        f"{HOSTS}::test_a_relative_address_belongs_to_the_host_of_its_file",
    ),
    Fault(
        "a chat that says no under 200 has been told",
        "notices/messages/chat.py",
        "return False if _NO.match(said) else None",
        "return True",
        "tests/notices/test_told_channels.py::test_a_chat_that_says_no_under_200_has_not_taken_the_message",
    ),
)
