"""Command that reseals stored values under the first of ENCRYPTION_KEYS, so that the old key can be removed."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from actions.secrets.encrypted import rotate_secrets, unopened
from sendouts.intake import journal
from sendouts.privacy.rotation import reseal

# Maximum number of ids in the output.
NAMED = 20


class Command(BaseCommand):
    help = "Encrypt every stored secret, and the URIs and hooks of open batches, with the first of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        secrets, stay = rotate_secrets(), unopened()
        resealed = reseal()
        self.stdout.write(
            f"Encrypted with the first key: {secrets} secrets, {resealed.values} URIs and hooks. "
            "What was encrypted with it before is left as it is."
        )
        problems = []
        if stay:
            problems.append(
                f"No key opens: {', '.join(stay)}. Set the key that they were stored with, or enter them again."
            )
        if resealed.shut_batches or resealed.shut_hooks:
            problems.append(
                f"No key opens all of {len(resealed.shut_batches)} open batches{_named(resealed.shut_batches)} and "
                f"{len(resealed.shut_hooks)} hooks{_named(resealed.shut_hooks)}. Set the key that they were "
                "stored with, and run this again: they cannot go on without it."
            )
        if waiting := journal.depth(settings.JOURNAL_DIR).hooks:
            problems.append(
                f"The journal holds {waiting} hooks under the keys of their time. Keep the old key, and run this again "
                "when the database has them."
            )
        if problems:
            raise CommandError(" ".join(problems))


def _named(ids: Collection[int]) -> str:
    if not ids:
        return ""
    more = ", …" if len(ids) > NAMED else ""
    return f" ({', '.join(map(str, sorted(ids)[:NAMED]))}{more})"
