"""ASGI entry points of the web process: `application` takes hooks and serves Django, `door` takes hooks only."""

import os
from functools import partial
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
_django: Any = get_asgi_application()

from django.conf import settings  # noqa: E402  (Django must be set up first)
from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from gateway.checks import DOOR_HINT, DOOR_TEXT, has_door  # noqa: E402
from gateway.web.patience import Patience  # noqa: E402
from sendouts.intake.door import Door  # noqa: E402
from sendouts.intake.journal import Journal, depth  # noqa: E402
from sendouts.intake.store import Store  # noqa: E402
from sendouts.intake.watch import DoorWatch  # noqa: E402

if not has_door() and not settings.DEBUG:
    raise ImproperlyConfigured(f"{DOOR_TEXT} {DOOR_HINT}")


def _door(inner: Any) -> Door:
    return Door(
        inner,
        basic=settings.WEBHOOK_BASIC_AUTH,
        header=settings.WEBHOOK_HEADER_NAME,
        tokens=settings.WEBHOOK_HEADER_TOKENS,
        max_bytes=settings.WEBHOOK_MAX_BYTES,
        watch=DoorWatch(partial(depth, settings.JOURNAL_DIR), settings.DATA_DIR),
        store=Store(folder=settings.JOURNAL_DIR, journal=Journal(settings.JOURNAL_DIR) if settings.JOURNAL else None),
    )


application = _door(Patience(_django, seconds=settings.PAGE_SECONDS))
door = _door(None)
