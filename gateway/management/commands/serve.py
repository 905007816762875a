"""Run the web process: the webhook's door in front of Django, or the door alone."""

from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandParser

from gateway.ops.startup import report_aside
from gateway.run.embedded import web_config


class Command(BaseCommand):
    help = "Serve the webhook's door and the screens; with --door the door alone, so that no page can delay it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--door", action="store_true", help="take hooks only")

    def handle(self, *args: Any, door: bool, **options: Any) -> None:
        if not door:
            report_aside()
        uvicorn.Server(web_config("gateway.asgi:door" if door else "gateway.asgi:application")).run()
