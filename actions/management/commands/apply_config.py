"""Apply a configuration file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions.config import apply
from actions.config import file as config_file


class Command(BaseCommand):
    help = (
        "Makes projects, sendouts, actions and policies as a YAML file says, whole or not at all. "
        "The file is the whole truth for the projects that it names: what it leaves out there is archived."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a YAML file, or - for the standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        try:
            content = config_file.read(text)
            said = apply.apply(content)
        except config_file.FaultyFile as error:
            raise CommandError("Nothing was changed.\n" + "\n".join(error.faults)) from error
        for sentence in said or ["Nothing to change."]:
            self.stdout.write(sentence)
        for sentence in apply.careful(content):
            self.stderr.write(f"Careful: {sentence}")
