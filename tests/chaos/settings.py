"""The gateway's settings plus an application that crashes it or shifts its clock on order."""

import os
from pathlib import Path

from gateway.settings import *  # noqa: F403
from gateway.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.apps.ChaosConfig"]
# The folder in which a run says what is to happen; see tests.chaos.crashing and tests.chaos.clock.
CHAOS_DIR = Path(os.environ["CHAOS_DIR"])
