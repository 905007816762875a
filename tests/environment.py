"""A pytest plugin that gives the settings a clean environment before Django reads it: nothing of the developer's own .env."""

import os
import tempfile
from pathlib import Path

from tests.servers import common_environment

if os.environ.get("ENV_FILE") != "/nonexistent":
    os.environ.update(common_environment(Path(tempfile.mkdtemp(prefix="gateway-pytest-"))))
