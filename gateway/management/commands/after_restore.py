"""Command to run after a backup was restored and before the gateway starts on it."""

from collections.abc import Collection
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models.functions import Now
from django.utils import timezone

from gateway.lanes import LANES
from gateway.run.embedded import lock_data_dir
from notices.outbox import drop_restored
from sendouts.verbs.fence import fence_all
from work import pulses
from work.models import Pulse

# A process that works signs more often than this.
SILENT = timedelta(seconds=60)
# Maximum number of ids in one line of the output.
NAMED = 20


class Command(BaseCommand):
    help = "Leave everything that a restored backup holds open to people: nothing of it is sent by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="although processes seem to work on this database")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        with lock_data_dir() if settings.EMBEDDED else nullcontext():
            self._fence(force)

    def _fence(self, force: bool) -> None:
        working = Pulse.objects.filter(at__gt=Now() - SILENT).exclude(pk=pulses.OUTAGE).order_by("pk")
        if not force and (names := ", ".join(working.values_list("pk", flat=True))):
            raise CommandError(
                f"Processes work on this database, or did a minute ago: {names}. Stop them and wait a minute. If the "
                "backup is younger than a minute and nothing runs, use --force. Nothing was changed."
            )
        for lane in LANES:
            lane.rows().filter(claim_id__isnull=False).update(claim_id=None, claimed_until=None)
        found, messages = fence_all(timezone.now()), drop_restored()
        lines = {
            "Batches left to people": found.batches,
            "Hooks that wait for “Plan again”": found.hooks,
            "Transfers that wait for “Send again”": found.transfers,
            "Changes of many decisions that are cancelled": found.changes,
        }
        for text, ids in lines.items():
            self.stdout.write(f"{text}: {len(ids)}{_named(ids)}")
        self.stdout.write(f"Promo codes that count as used: {found.codes}")
        self.stdout.write(f"Messages and notices that are not sent: {messages}")
        self.stdout.write(f"Decide on the batches here: {settings.BASE_URL}/admin/sendouts/batch/?show=backup")


def _named(ids: Collection[int]) -> str:
    if not ids:
        return ""
    more = ", …" if len(ids) > NAMED else ""
    return f" (ids {', '.join(map(str, sorted(ids)[:NAMED]))}{more})"
