"""The gateway's settings with a migration that fails at first, unless there is a file `earlier`: then without it.

With a file `broken` they are those of a version that does not start.
"""

from gateway.settings import *  # noqa: F403

if not (DATA_DIR / "earlier").exists():  # noqa: F405
    INSTALLED_APPS += ["tests.upgrading"]  # noqa: F405
if (DATA_DIR / "broken").exists():  # noqa: F405
    raise RuntimeError("This version does not start.")
