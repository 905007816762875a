"""The gateway's settings with a migration that fails at first, unless there is a file `earlier`: then without it."""

from gateway.settings import *  # noqa: F403

if not (DATA_DIR / "earlier").exists():  # noqa: F405
    INSTALLED_APPS += ["tests.upgrading"]  # noqa: F405
