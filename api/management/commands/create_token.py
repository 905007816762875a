"""Create a token for a program from the command line and print it once."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from api.models import ApiToken


class Command(BaseCommand):
    help = "Make an API token for a user and print it. It is stored as a fingerprint only, so copy it now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what program it is for")
        parser.add_argument("--days", type=int, help="how long it is valid; without it, for ever")

    def handle(self, *args: Any, username: str, name: str, days: int | None, **options: Any) -> None:
        try:
            user = User.objects.get(username=username)
        except User.DoesNotExist:
            raise CommandError(f"There is no user “{username}”.") from None
        token = ApiToken(user=user, name=name, expires_at=timezone.now() + timedelta(days=days) if days else None)
        text = token.draw()
        token.save()
        self.stdout.write(text)
