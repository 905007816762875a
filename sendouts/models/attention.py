"""Why a batch needs a person to act, beyond a review: the codes, and the data of each."""

from typing import Any, TypedDict

from django.db import models
from django.utils.translation import gettext_lazy as _


class Attention(models.TextChoices):
    """Why a stage could not complete and a person must act; the sentences are in sendouts.wording.batch_sentences."""

    NONE = "", "–"
    NO_DOWNLOAD = "no_download", _("the contacts cannot be downloaded")
    HOST_NOT_LISTED = "host_not_listed", _("an address is not on the allow-list")
    NO_PROVEN_END = "no_proven_end", _("the contact file is not complete")
    FILE_CHANGED = "file_changed", _("the contact file changed between two downloads")
    UNREAD_ROWS = "unread_rows", _("rows of the contact file cannot be read")
    HOOK_UNCLEAR = "hook_unclear", _("the hook contradicts itself")
    SAME_FINISH = "same_finish", _("another batch has the same release address")
    UNCONFIRMED = "unconfirmed", _("rejections are not confirmed")
    FINISH_UNCONFIRMED = "finish_unconfirmed", _("the release is not confirmed")
    REFUSAL_STOPS = "refusal_stops", _("a rejection of the whole batch cannot be completed")
    SCREENING_FAILED = "screening_failed", _("the contacts could not be screened")
    WORKER_DIED = "worker_died", _("a worker died of it again and again")
    KEY_MISSING = "key_missing", _("the key of its addresses is missing")
    EFFECT_FAILED = "effect_failed", _("an action on the accepted contacts failed")
    RESTORED = "restored", _("it comes from a backup")


class AttentionData(TypedDict, total=False):
    """What a sentence about the trouble names. Which keys are set depends on the code of the attention."""

    # Last status of the platform, 0 without an answer; for SCREENING_FAILED and WORKER_DIED, the status of the batch.
    status: int | str
    deaths: int
    # Name of the exception.
    error: str
    # An answer may have been lost; the platform takes no calls at the moment.
    lost: bool
    held: bool
    # The status of an answer confirms, and its body does not.
    said_no: bool
    # The link to the contact file worked before, or says itself that it has expired.
    expired: bool
    # A reject address belongs to accepted contacts, too.
    shared: bool
    # The hosts that somebody may allow; the address of the release is on one that may not be called.
    hosts: list[str]
    finish: bool
    # The host that the guard refused. `code` says why; for a contact file, it is the reader's code.
    host: str
    code: str
    rows: int
    place: int
    format: str
    # First lines of a file that is mostly unreadable, masked.
    example: str
    # Names of the files in an archive.
    names: list[str]
    # Codes of HookProblem.
    problems: list[str]
    # The action that failed, and its text. For unreadable rows, the sentence about the first, if it has its own.
    identifier: str
    text: str
    # Page of the first unreadable row, and number of contacts that the file says it has.
    page: int
    total: int
    # For a rejection of the whole batch: whether the file is complete, and the number of rejections.
    complete: bool
    rejected: int
    # Of a batch from a backup: the rejections sent, or possibly sent, by then, and whether the release was called.
    sent: int
    released: bool
    # Code and data of the trouble that planning found in the hook, if another one replaced it.
    hook: list[Any]
