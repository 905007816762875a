"""Write the configuration as a file."""

from typing import Any

from django.core.management.base import BaseCommand

from actions.config import apply, file


class Command(BaseCommand):
    help = "Writes projects, sendouts, actions and policies as YAML to the standard output, for apply_config."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(file.write(apply.collect()), ending="")
