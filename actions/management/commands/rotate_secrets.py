"""After a change of ENCRYPTION_KEYS: stored secrets move to its first key, and the old one can go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions.encrypted import seal_again


class Command(BaseCommand):
    help = "Encrypt every stored secret with the first of ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        done, stay = seal_again()
        self.stdout.write(f"Encrypted with the first key: {done}.")
        if stay:
            raise CommandError(
                f"No key opens: {', '.join(stay)}. Set the key that they were stored with, or enter them again."
            )
