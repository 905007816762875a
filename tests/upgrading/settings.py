"""The gateway's settings with a migration that fails at first."""

from gateway.settings import *  # noqa: F403

INSTALLED_APPS += ["tests.upgrading"]  # noqa: F405
