"""Run the web processes: the webhook's doors in front of Django, or the doors alone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gateway.run.doors import DoorMaster


class Command(BaseCommand):
    help = "Serve the webhook's doors and the screens; with --door the doors alone, so that no page can delay them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--door", action="store_true", help="take hooks only")
        parser.add_argument("--supervisor", type=int, default=0, help="the process whose end is this one's end")

    def handle(self, *args: Any, door: bool, supervisor: int, **options: Any) -> None:
        application = "gateway.asgi:door" if door else "gateway.asgi:application"
        DoorMaster(application, pages=not door, supervisor=supervisor).run()
