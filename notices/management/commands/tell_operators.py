"""Send operators a trial message, so that the first alarm is not the first mail."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from notices.alarms import notify, record
from notices.transports import Lost, NotSent
from sendouts.services import hosts


class Command(BaseCommand):
    help = "Send a trial message by mail and hook, as the environment says, and tell what came of it."

    def handle(self, *args: Any, **options: Any) -> None:
        channels = record.channels()
        if not channels:
            raise CommandError("Nobody is told: set ALARM_MAIL_TO and EMAIL_URL, or ALARM_HOOK_URL.")
        failed = []
        for channel in channels:
            try:
                notify.transport(channel, notify.trial(settings.BASE_URL), hosts.services()).send()
            except (NotSent, Lost) as error:
                failed.append(f"{channel.value}: {error.__doc__} The log line above says why.")
            else:
                self.stdout.write(f"{channel.value}: sent")
        if failed:
            raise CommandError("\n".join(failed))
