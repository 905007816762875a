"""Faults in what an answer means: the bodies of the platform and of chats, hosts of contacts, shared addresses."""

from tests.mutants.fault import Fault

CLIENT, CLIENT_TESTS = "sendouts/symplify/client.py", "tests/outbound/test_client.py"
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
        "a chat that says no under 200 has been told",
        "notices/messages/chat.py",
        "return False if _NO.match(said) else None",
        "return True",
        "tests/notices/test_told_channels.py::test_a_chat_that_says_no_under_200_has_not_taken_the_message",
    ),
)
